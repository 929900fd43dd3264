using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>The tokens of a template, of which the parsers take one after another.</summary>
internal sealed class TokenStream(IReadOnlyList<Token> tokens, string source)
{
    private int _at;

    public Token Current => tokens[_at];

    /// <summary>The token after the current one.</summary>
    public Token Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public Token Next()
    {
        var token = Current;
        if (_at < tokens.Count - 1) _at++;
        return token;
    }

    public bool IsName(string name) => Current.Is(TokenKind.Name, name);

    public bool IsOperator(string text) => Current.Is(TokenKind.Operator, text);

    /// <summary>Takes the current token where it is this one.</summary>
    public bool TakeName(string name) => Take(IsName(name));

    public bool TakeOperator(string text) => Take(IsOperator(text));

    public Token Expect(TokenKind kind, string description) => Current.Kind == kind ? Next() : throw Expected(description);

    public void ExpectOperator(string text)
    {
        if (!TakeOperator(text)) throw Expected($"'{text}'");
    }

    public void ExpectName(string name)
    {
        if (!TakeName(name)) throw Expected($"'{name}'");
    }

    public PbenchException Expected(string description) => Error(Current, $"expected {description}, found {Current}");

    public PbenchException Error(Token at, string message) => PbenchException.At(source, at.Line, message);

    private bool Take(bool isIt)
    {
        if (isIt) Next();
        return isIt;
    }
}
