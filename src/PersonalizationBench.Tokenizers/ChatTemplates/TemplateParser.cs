using System.Runtime.CompilerServices;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Reads the statements of a template. A tag that is not known is refused by name.</summary>
internal sealed class TemplateParser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;

    /// <summary>How many loops are open in which a jump would stay.</summary>
    private int _loops;

    private TemplateParser(TokenStream tokens) => (_tokens, _expressions) = (tokens, new ExpressionParser(tokens));

    /// <param name="source">What errors call the template.</param>
    public static IReadOnlyList<Statement> Parse(string template, string source)
    {
        var parser = new TemplateParser(new TokenStream(TemplateLexer.Read(template, source), source));
        return parser.ReadBody("", []);
    }

    /// <summary>Statements up to one of the given tags, the name of which is taken; without any, to the end.</summary>
    /// <param name="open">The tag that it is the body of.</param>
    private List<Statement> ReadBody(string open, string[] ends)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw _tokens.Error(_tokens.Current, "tags are nested too deeply");
        var statements = new List<Statement>();
        while (true)
        {
            var token = _tokens.Next();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    statements.Add(new Literal(token.Line, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    statements.Add(new Print(_tokens.Current.Line, _expressions.ReadTuple()));
                    _tokens.Expect(TokenKind.VariableEnd, "'}}'");
                    break;
                case TokenKind.BlockBegin when ends.Any(_tokens.IsName):
                    return statements;
                case TokenKind.BlockBegin:
                    statements.Add(ReadStatement(open, ends));
                    break;
                default:
                    return ends.Length == 0 ? statements : throw _tokens.Error(token, $"'{open}' is not closed: expected '{ends[^1]}'");
            }
        }
    }

    private Statement ReadStatement(string open, string[] ends)
    {
        var tag = _tokens.Expect(TokenKind.Name, "a tag's name");
        return tag.Text switch
        {
            "if" => ReadIf(tag),
            "for" => ReadFor(tag),
            "set" => ReadSet(tag),
            "macro" => ReadMacro(tag),
            "generation" => ReadGeneration(tag),
            "break" => ReadJump(tag, Flow.Break),
            "continue" => ReadJump(tag, Flow.Continue),
            _ when tag.Text is "elif" or "else" || tag.Text.StartsWith("end", StringComparison.Ordinal) =>
                throw _tokens.Error(tag, ends.Length == 0 ? $"the tag '{tag.Text}' closes nothing" : $"the tag '{tag.Text}' does not close '{open}'; expected '{string.Join("', '", ends)}'"),
            _ => throw _tokens.Error(tag, $"the tag '{tag.Text}' is not supported"),
        };
    }

    private If ReadIf(Token tag)
    {
        var condition = _expressions.ReadTuple(conditional: false);
        EndTag();
        var then = ReadBody("if", ["elif", "else", "endif"]);
        var end = _tokens.Next();
        if (end.Text == "elif") return new If(tag.Line, condition, then, [ReadIf(end)]);
        var otherwise = end.Text == "else" ? ReadLast("if", "endif") : EndedBody();
        return new If(tag.Line, condition, then, otherwise);
    }

    private For ReadFor(Token tag)
    {
        var target = ReadTarget(attributes: false);
        _tokens.ExpectName("in");
        var items = _expressions.ReadTuple(conditional: false);
        var condition = _tokens.TakeName("if") ? _expressions.Read() : null;
        if (_tokens.IsName("recursive")) throw _tokens.Error(_tokens.Current, "a recursive loop is not supported");
        EndTag();
        _loops++;
        var body = ReadBody("for", ["else", "endfor"]);
        _loops--;
        var otherwise = _tokens.Next().Text == "else" ? ReadLast("for", "endfor") : EndedBody();
        return new For(tag.Line, target, items, condition, body, otherwise);
    }

    private Statement ReadSet(Token tag)
    {
        var target = ReadTarget(attributes: true);
        if (_tokens.TakeOperator("="))
        {
            var assigned = _expressions.ReadTuple();
            EndTag();
            return new Set(tag.Line, target, assigned);
        }
        if (_tokens.IsOperator("|")) throw _tokens.Error(_tokens.Current, "a filter of what 'set' encloses is not supported");
        return new SetWritten(tag.Line, target, ReadEnclosed("set", "endset"));
    }

    private Macro ReadMacro(Token tag)
    {
        var name = _tokens.Expect(TokenKind.Name, "a macro's name").Text;
        var parameters = new List<(string Name, Expression? Default)>();
        _tokens.ExpectOperator("(");
        while (!_tokens.TakeOperator(")"))
        {
            if (parameters.Count > 0) _tokens.ExpectOperator(",");
            var parameter = _tokens.Expect(TokenKind.Name, "a parameter's name");
            if (parameters.Any(p => p.Name == parameter.Text)) throw _tokens.Error(parameter, $"the parameter '{parameter.Text}' is there twice");
            parameters.Add((parameter.Text, _tokens.TakeOperator("=") ? _expressions.Read() : null));
        }
        var outside = _expressions.InMacro;
        _expressions.InMacro = true;
        var body = ReadEnclosed("macro", "endmacro");
        _expressions.InMacro = outside;
        return new Macro(tag.Line, name, parameters, body);
    }

    private Marked ReadGeneration(Token tag) => new(tag.Line, ReadEnclosed("generation", "endgeneration"));

    private Jump ReadJump(Token tag, Flow flow)
    {
        if (_loops == 0) throw _tokens.Error(tag, $"'{tag.Text}' stands outside of a loop");
        EndTag();
        return new Jump(tag.Line, flow);
    }

    /// <summary>A body that is written by itself, so that no jump leaves it.</summary>
    private List<Statement> ReadEnclosed(string open, string end)
    {
        EndTag();
        var loops = _loops;
        _loops = 0;
        var body = ReadBody(open, [end]);
        _tokens.Next();
        _loops = loops;
        EndTag();
        return body;
    }

    /// <summary>The body after an <c>else</c>.</summary>
    private List<Statement> ReadLast(string open, string end)
    {
        EndTag();
        var body = ReadBody(open, [end]);
        _tokens.Next();
        EndTag();
        return body;
    }

    private List<Statement> EndedBody()
    {
        EndTag();
        return [];
    }

    private void EndTag() => _tokens.Expect(TokenKind.BlockEnd, "'%}'");

    /// <param name="attributes">Whether a namespace's attribute may be assigned.</param>
    private Target ReadTarget(bool attributes)
    {
        var first = ReadSingleTarget(attributes);
        if (!_tokens.IsOperator(",")) return first;
        var parts = new List<Target> { first };
        while (_tokens.TakeOperator(",")) parts.Add(ReadSingleTarget(attributes));
        return new TupleTarget(parts);
    }

    private Target ReadSingleTarget(bool attributes)
    {
        if (_tokens.TakeOperator("("))
        {
            var inner = ReadTarget(attributes);
            _tokens.ExpectOperator(")");
            return inner;
        }
        var name = _tokens.Expect(TokenKind.Name, "a name to assign to");
        return attributes && _tokens.TakeOperator(".") ? new AttributeTarget(name.Text, _tokens.Expect(TokenKind.Name, "an attribute's name").Text) : new NameTarget(name.Text);
    }
}
