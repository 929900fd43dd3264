using System.Globalization;
using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

internal enum TokenKind
{
    Text,
    BlockBegin,
    BlockEnd,
    VariableBegin,
    VariableEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <param name="Text">A string's value without its quotes; all else as it stands in the template.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    public bool Is(TokenKind kind, string text) => Kind == kind && Text == text;

    public override string ToString() => Kind switch
    {
        TokenKind.Text => "text",
        TokenKind.BlockBegin => "'{%'",
        TokenKind.BlockEnd => "'%}'",
        TokenKind.VariableBegin => "'{{'",
        TokenKind.VariableEnd => "'}}'",
        TokenKind.String => $"the string '{Text}'",
        TokenKind.End => "the end of the template",
        _ => $"'{Text}'",
    };
}

/// <summary>
/// A template as tokens. White space is treated as by Jinja with <c>trim_blocks</c> and <c>lstrip_blocks</c>: a tag or comment
/// takes the line feed after it along, and the blanks before it where it begins its line; a minus takes all white space on its
/// side, a plus leaves it.
/// </summary>
internal sealed class TemplateLexer
{
    private static readonly string[] Operators = ["==", "!=", ">=", "<=", "//", "**", "+", "-", "*", "/", "%", "[", "]", "(", ")", "{", "}", ".", ":", ",", "|", "~", "<", ">", "="];

    private readonly string _text;
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at, _line = 1;

    private TemplateLexer(string template, string source)
    {
        _text = template.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (_text.EndsWith('\n')) _text = _text[..^1];
        _source = source;
    }

    public static List<Token> Read(string template, string source)
    {
        var lexer = new TemplateLexer(template, source);
        lexer.ReadAll();
        return lexer._tokens;
    }

    private void ReadAll()
    {
        var startsLine = true;
        while (NextTag() is >= 0 and var tag)
        {
            var kind = _text[tag + 1];
            var sign = tag + 2 < _text.Length && _text[tag + 2] is '-' or '+' ? _text[tag + 2] : ' ';
            AddText(Stripped(_text[_at..tag], sign, isVariable: kind == '{', startsLine));
            Advance(tag + (sign == ' ' ? 2 : 3));
            if (kind == '#') SkipComment();
            else ReadTag(isVariable: kind == '{');
            startsLine = _text[_at - 1] == '\n';
        }
        AddText(_text[_at..]);
        Advance(_text.Length);
        Add(TokenKind.End, "");
    }

    /// <summary>Where the next of <c>{%</c>, <c>{{</c> and <c>{#</c> begins; -1 where there is none.</summary>
    private int NextTag()
    {
        for (var i = _at; i + 1 < _text.Length; i++)
            if (_text[i] == '{' && _text[i + 1] is '%' or '{' or '#') return i;
        return -1;
    }

    private static string Stripped(string text, char sign, bool isVariable, bool startsLine)
    {
        if (sign == '-') return PythonText.Strip(text, null, left: false, right: true);
        if (sign == '+' || isVariable) return text;
        var lineBegins = text.LastIndexOf('\n') + 1;
        return (lineBegins > 0 || startsLine) && text.Skip(lineBegins).All(PythonText.IsSpace) ? text[..lineBegins] : text;
    }

    private void SkipComment()
    {
        var end = _text.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0) throw Error("the comment is not closed");
        var sign = end > _at ? _text[end - 1] : ' ';
        Advance(end + 2);
        PassTrimmed(sign, trimsLineFeed: true);
    }

    /// <summary>Passes over what the end of a tag takes along.</summary>
    private void PassTrimmed(char sign, bool trimsLineFeed)
    {
        if (sign == '-')
            while (_at < _text.Length && PythonText.IsSpace(_text[_at])) Advance(_at + 1);
        else if (sign != '+' && trimsLineFeed && _at < _text.Length && _text[_at] == '\n') Advance(_at + 1);
    }

    private void ReadTag(bool isVariable)
    {
        var (close, begins, ends) = isVariable ? ("}}", TokenKind.VariableBegin, TokenKind.VariableEnd) : ("%}", TokenKind.BlockBegin, TokenKind.BlockEnd);
        Add(begins, "");
        // What closes the tag may also close two literals: it does while any bracket is open.
        var open = new Stack<string>();
        while (true)
        {
            while (_at < _text.Length && PythonText.IsSpace(_text[_at])) Advance(_at + 1);
            if (_at == _text.Length) throw Error($"expected '{close}', found the end of the template");
            var sign = _text[_at] == '-' || (_text[_at] == '+' && !isVariable) ? _text[_at] : ' ';
            var signLength = sign == ' ' ? 0 : 1;
            if (open.Count == 0 && string.CompareOrdinal(_text, _at + signLength, close, 0, 2) == 0)
            {
                Add(ends, "");
                Advance(_at + signLength + 2);
                PassTrimmed(sign, trimsLineFeed: !isVariable);
                return;
            }
            ReadToken();
            var token = _tokens[^1];
            // What stands in it need be no tokens.
            if (token.Is(TokenKind.Name, "raw") && _tokens[^2].Kind == TokenKind.BlockBegin) throw Error("the tag 'raw' is not supported");
            if (token.Kind != TokenKind.Operator) continue;
            string? expected = null;
            if (token.Text is "(" or "[" or "{") open.Push(token.Text switch { "(" => ")", "[" => "]", _ => "}" });
            else if (token.Text is ")" or "]" or "}" && (!open.TryPop(out expected) || expected != token.Text))
                throw Error(expected is null ? $"'{token.Text}' closes nothing" : $"expected '{expected}', found '{token.Text}'");
        }
    }

    private void ReadToken()
    {
        var c = _text[_at];
        if (c is '\'' or '"') ReadString(c);
        else if (char.IsAsciiDigit(c)) ReadNumber();
        else if (char.IsLetter(c) || c == '_')
        {
            var end = _at + 1;
            while (end < _text.Length && (char.IsLetterOrDigit(_text[end]) || _text[end] == '_')) end++;
            AddAndPass(TokenKind.Name, end);
        }
        else
        {
            var found = Operators.FirstOrDefault(o => string.CompareOrdinal(_text, _at, o, 0, o.Length) == 0) ?? throw Error($"unexpected '{c}'");
            AddAndPass(TokenKind.Operator, _at + found.Length);
        }
    }

    private void ReadNumber()
    {
        var end = PassDigits(_at);
        // In a.0.1 the numbers are two subscripts.
        var isFloat = end < _text.Length && _text[end] == '.' && PassDigits(end + 1) > end + 1 && _text[_at - 1] != '.';
        if (isFloat) end = PassDigits(end + 1);
        if (end < _text.Length && _text[end] is 'e' or 'E')
        {
            var digits = end + 1 < _text.Length && _text[end + 1] is '-' or '+' ? end + 2 : end + 1;
            if (PassDigits(digits) > digits) (isFloat, end) = (true, PassDigits(digits));
        }
        if (end < _text.Length && (char.IsLetter(_text[end]) || _text[end] == '_')) throw Error($"the number '{_text[_at..(end + 1)]}...' is not supported; expected digits, with a point or without");
        AddAndPass(isFloat ? TokenKind.Float : TokenKind.Integer, end);
    }

    private int PassDigits(int at)
    {
        while (at < _text.Length && char.IsAsciiDigit(_text[at])) at++;
        return at;
    }

    private void ReadString(char quote)
    {
        var value = new StringBuilder();
        var at = _at + 1;
        while (at < _text.Length && _text[at] != quote)
        {
            if (_text[at] != '\\') value.Append(_text[at++]);
            else at = ReadEscape(at + 1, value);
        }
        if (at >= _text.Length) throw Error("the string is not closed");
        Add(TokenKind.String, value.ToString());
        Advance(at + 1);
    }

    /// <summary>Python's escapes; a backslash before anything else stands for itself. Returns where the text goes on.</summary>
    private int ReadEscape(int at, StringBuilder value)
    {
        if (at == _text.Length) return at;
        var c = _text[at];
        if (c is 'x' or 'u' or 'U')
        {
            var digits = c switch { 'x' => 2, 'u' => 4, _ => 8 };
            if (at + digits >= _text.Length || !int.TryParse(_text.AsSpan(at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) || !Rune.IsValid(code))
                throw Error($"'\\{c}' expects {digits} hexadecimal digits of a character");
            value.Append(new Rune(code).ToString());
            return at + 1 + digits;
        }
        if (c is >= '0' and <= '7')
        {
            var (code, end) = (0, at);
            while (end < _text.Length && end < at + 3 && _text[end] is >= '0' and <= '7') code = code * 8 + _text[end++] - '0';
            value.Append((char)code);
            return end;
        }
        if (c == 'N') throw Error("the escape '\\N' is not supported");
        value.Append(c switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'a' => "\a",
            'b' => "\b",
            'f' => "\f",
            'v' => "\v",
            '\n' => "",
            '\\' or '\'' or '"' => c.ToString(),
            _ => $"\\{c}",
        });
        return at + 1;
    }

    private void AddText(string text)
    {
        if (text.Length > 0) Add(TokenKind.Text, text);
    }

    private void AddAndPass(TokenKind kind, int end)
    {
        Add(kind, _text[_at..end]);
        Advance(end);
    }

    private void Add(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    private void Advance(int to)
    {
        _line += _text.AsSpan(_at, to - _at).Count('\n');
        _at = to;
    }

    private PbenchException Error(string message) => PbenchException.At(_source, _line, message);
}
