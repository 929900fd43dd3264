using System.Runtime.CompilerServices;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Reads expressions by Jinja's grammar, from what binds least to what binds most.</summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    /// <summary>Names that Jinja defines inside of macros.</summary>
    private static readonly HashSet<string> MacroNames = ["caller", "varargs", "kwargs"];

    public bool InMacro { get; set; }

    /// <summary>An expression, or several with commas between them, which are a tuple.</summary>
    /// <param name="conditional">False where an <c>if</c> after it is no part of it.</param>
    public Expression ReadTuple(bool conditional = true)
    {
        var line = tokens.Current.Line;
        var first = conditional ? Read() : ReadOr();
        if (!tokens.IsOperator(",")) return first;
        List<Expression> items = [first];
        while (tokens.TakeOperator(","))
        {
            if (tokens.Current.Kind is TokenKind.BlockEnd or TokenKind.VariableEnd || tokens.IsOperator(")")) break;
            items.Add(conditional ? Read() : ReadOr());
        }
        return new SequenceLiteral(line, items, SequenceKind.Tuple);
    }

    public Expression Read()
    {
        var line = tokens.Current.Line;
        var value = ReadOr();
        while (tokens.TakeName("if"))
        {
            var condition = ReadOr();
            value = new Conditional(line, condition, value, tokens.TakeName("else") ? Read() : null);
        }
        return value;
    }

    private Expression ReadOr()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw tokens.Error(tokens.Current, "the expression is nested too deeply");
        var left = ReadAnd();
        while (tokens.IsName("or")) left = new Logical(tokens.Next().Line, false, left, ReadAnd());
        return left;
    }

    private Expression ReadAnd()
    {
        var left = ReadNot();
        while (tokens.IsName("and")) left = new Logical(tokens.Next().Line, true, left, ReadNot());
        return left;
    }

    private Expression ReadNot()
    {
        var lines = new List<int>();
        while (tokens.IsName("not")) lines.Add(tokens.Next().Line);
        var operand = ReadComparison();
        foreach (var line in lines) operand = new Not(line, operand);
        return operand;
    }

    private Expression ReadComparison()
    {
        var line = tokens.Current.Line;
        var first = ReadSum();
        var rest = new List<(string, Expression)>();
        while (TakeComparison() is { } text) rest.Add((text, ReadSum()));
        return rest.Count == 0 ? first : new Comparison(line, first, rest);
    }

    private string? TakeComparison()
    {
        if (tokens.IsName("not") && tokens.Following.Is(TokenKind.Name, "in"))
        {
            tokens.Next();
            tokens.Next();
            return "not in";
        }
        return tokens.IsName("in") || (tokens.Current.Kind == TokenKind.Operator && Operators.Comparison.ContainsKey(tokens.Current.Text)) ? tokens.Next().Text : null;
    }

    private Expression ReadSum() => ReadOperators(["+", "-"], ReadConcatenation);

    private Expression ReadConcatenation() => ReadOperators(["~"], ReadProduct);

    private Expression ReadProduct() => ReadOperators(["*", "/", "//", "%"], ReadSigned);

    private Expression ReadOperators(string[] operators, Func<Expression> readOperand)
    {
        var left = readOperand();
        while (tokens.Current.Kind == TokenKind.Operator && operators.Contains(tokens.Current.Text))
        {
            var token = tokens.Next();
            left = new Arithmetic(token.Line, token.Text, left, readOperand());
        }
        if (tokens.IsOperator("**")) throw tokens.Error(tokens.Current, "the operator '**' is not supported");
        return left;
    }

    /// <summary>A sign binds more than a filter: <c>-1 | abs</c> is 1.</summary>
    private Expression ReadSigned()
    {
        var signs = new List<Token>();
        while (tokens.IsOperator("-") || tokens.IsOperator("+")) signs.Add(tokens.Next());
        var operand = ReadPostfix(ReadPrimary());
        foreach (var sign in Enumerable.Reverse(signs)) operand = new Signed(sign.Line, sign.Text == "-", operand);
        return ReadFilters(operand);
    }

    private Expression ReadPrimary()
    {
        var token = tokens.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                tokens.Next();
                if (InMacro && MacroNames.Contains(token.Text)) throw tokens.Error(token, $"'{token.Text}' in a macro is not supported");
                return token.Text switch
                {
                    "true" or "True" => new Constant(token.Line, true),
                    "false" or "False" => new Constant(token.Line, false),
                    "none" or "None" => new Constant(token.Line, null),
                    _ => new Name(token.Line, token.Text),
                };
            case TokenKind.String:
                var text = "";
                while (tokens.Current.Kind == TokenKind.String) text += tokens.Next().Text;
                return new Constant(token.Line, text);
            case TokenKind.Integer or TokenKind.Float:
                return new Constant(token.Line, ReadNumber());
            case TokenKind.Operator when tokens.TakeOperator("("):
                var inBrackets = tokens.IsOperator(")") ? new SequenceLiteral(token.Line, [], SequenceKind.Tuple) : ReadTuple();
                tokens.ExpectOperator(")");
                return inBrackets;
            case TokenKind.Operator when tokens.TakeOperator("["):
                return new SequenceLiteral(token.Line, ReadUntil("]", Read), SequenceKind.List);
            case TokenKind.Operator when tokens.TakeOperator("{"):
                return new MappingLiteral(token.Line, ReadUntil("}", ReadPair));
            default:
                throw tokens.Expected("an expression");
        }
    }

    private object ReadNumber()
    {
        var token = tokens.Next();
        try
        {
            return Values.OfNumber(token.Text);
        }
        catch (TemplateFault fault)
        {
            throw tokens.Error(token, fault.Message);
        }
    }

    private (Expression Key, Expression Value) ReadPair()
    {
        var key = Read();
        tokens.ExpectOperator(":");
        return (key, Read());
    }

    /// <summary>What stands with commas between it, one of which may be the last, up to the closing bracket.</summary>
    private List<T> ReadUntil<T>(string close, Func<T> read)
    {
        var items = new List<T>();
        while (!tokens.TakeOperator(close))
        {
            items.Add(read());
            if (!tokens.IsOperator(close)) tokens.ExpectOperator(",");
        }
        return items;
    }

    private Expression ReadPostfix(Expression target)
    {
        while (tokens.Current.Kind == TokenKind.Operator)
        {
            var line = tokens.Current.Line;
            if (tokens.TakeOperator(".")) target = ReadAttribute(target, line);
            else if (tokens.TakeOperator("[")) target = ReadSubscript(target, line);
            else if (tokens.IsOperator("(")) target = new Call(line, target, ReadArguments());
            else break;
        }
        return target;
    }

    private Expression ReadAttribute(Expression target, int line) => tokens.Current.Kind == TokenKind.Integer
        ? new ElementOf(line, target, new Constant(line, ReadNumber()))
        : new AttributeOf(line, target, tokens.Expect(TokenKind.Name, "an attribute's name").Text);

    private Expression ReadSubscript(Expression target, int line)
    {
        Expression?[] bounds = [null, null, null];
        var part = 0;
        for (; !tokens.IsOperator("]"); part++)
        {
            if (part > 2) throw tokens.Expected("']'");
            if (!tokens.IsOperator(":")) bounds[part] = Read();
            if (!tokens.TakeOperator(":")) break;
        }
        tokens.ExpectOperator("]");
        if (part == 0) return new ElementOf(line, target, bounds[0] ?? throw tokens.Error(tokens.Current, "expected a subscript between '[' and ']'"));
        return new SliceOf(line, target, bounds[0], bounds[1], bounds[2]);
    }

    private ArgumentList ReadArguments()
    {
        tokens.ExpectOperator("(");
        var positional = new List<Expression>();
        var named = new List<(string Name, Expression Value)>();
        ReadUntil(")", () =>
        {
            if (tokens.IsOperator("*") || tokens.IsOperator("**")) throw tokens.Error(tokens.Current, $"'{tokens.Current.Text}' before an argument is not supported");
            if (tokens.Current.Kind != TokenKind.Name || !tokens.Following.Is(TokenKind.Operator, "="))
            {
                if (named.Count > 0) throw tokens.Error(tokens.Current, "an argument without a name follows one with a name");
                positional.Add(Read());
                return positional.Count;
            }
            var name = tokens.Next();
            tokens.Next();
            if (named.Any(n => n.Name == name.Text)) throw tokens.Error(name, $"the argument '{name.Text}' is given twice");
            named.Add((name.Text, Read()));
            return named.Count;
        });
        return new ArgumentList(positional, named);
    }

    private Expression ReadFilters(Expression target)
    {
        while (true)
        {
            if (tokens.TakeOperator("|")) target = ReadFilter(target);
            else if (tokens.TakeName("is")) target = ReadTest(target);
            else if (tokens.IsOperator("(")) target = new Call(tokens.Current.Line, target, ReadArguments());
            else return target;
        }
    }

    private Filter ReadFilter(Expression target)
    {
        var name = tokens.Expect(TokenKind.Name, "a filter's name");
        if (!Filters.Known.ContainsKey(name.Text)) throw tokens.Error(name, $"the filter '{name.Text}' is not supported");
        return new Filter(name.Line, target, name.Text, tokens.IsOperator("(") ? ReadArguments() : ArgumentList.Empty);
    }

    private Expression ReadTest(Expression target)
    {
        var negated = tokens.TakeName("not");
        var name = tokens.Expect(TokenKind.Name, "a test's name");
        if (!Tests.Known.ContainsKey(name.Text)) throw tokens.Error(name, $"the test '{name.Text}' is not supported");
        var arguments = ArgumentList.Empty;
        if (tokens.IsName("is")) throw tokens.Error(tokens.Current, "a test of a test is not supported; expected brackets around the first");
        if (tokens.IsOperator("(")) arguments = ReadArguments();
        else if (BeginsArgument()) arguments = new ArgumentList([ReadPostfix(ReadPrimary())], []);
        var test = new Test(name.Line, target, name.Text, arguments);
        return negated ? new Not(name.Line, test) : test;
    }

    /// <summary>An argument of a test may stand without brackets: <c>n is divisibleby 3</c>.</summary>
    private bool BeginsArgument() => tokens.Current.Kind switch
    {
        TokenKind.Name => tokens.Current.Text is not ("else" or "or" or "and"),
        TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
        _ => tokens.IsOperator("[") || tokens.IsOperator("{"),
    };
}
