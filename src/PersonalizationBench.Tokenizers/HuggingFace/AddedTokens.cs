using System.Buffers;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>A token that is found in the text before it is split, beside the model's.</summary>
/// <param name="Content">As it is found in the text, normalized where <paramref name="Normalized"/>.</param>
/// <param name="SingleWord">Only where no word character stands beside it.</param>
/// <param name="StripLeft">Takes the white space before it along.</param>
/// <param name="StripRight">Takes the white space after it along.</param>
/// <param name="Normalized">Looked for in the normalized text; the others are looked for before, in the text as it is.</param>
/// <param name="Special">Left out in decoding.</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized, bool Special)
{
    public static AddedToken Read(JsonPart part)
    {
        var (id, content, special) = (part.Required("id"), part.Required("content"), part.Bool("special", false));
        if (id.Int() < 0) throw id.Error($"expected an id of at least 0, found {id.Int()}");
        if (content.String().Length == 0) throw content.Error("a token cannot be empty");
        return part.Done(new AddedToken(id.Int(), content.String(), part.Bool("single_word", false), part.Bool("lstrip", false), part.Bool("rstrip", false), part.Bool("normalized", !special), special));
    }
}

/// <summary>Finds added tokens in a text: leftmost first, the longest on a tie.</summary>
internal sealed class AddedTokenFinder
{
    private readonly Dictionary<char, AddedToken[]> _byFirst;
    private readonly SearchValues<string> _contents;

    public AddedTokenFinder(IEnumerable<AddedToken> tokens)
    {
        _byFirst = tokens.GroupBy(t => t.Content[0]).ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Content.Length).ToArray());
        _contents = SearchValues.Create([.. _byFirst.Values.SelectMany(t => t).Select(t => t.Content)], StringComparison.Ordinal);
    }

    /// <summary>The text as stretches without such tokens (<c>Token</c> is null, never empty) and the tokens between them, in their order.</summary>
    /// <param name="plain">Special tokens are left in the text.</param>
    public IEnumerable<(int Start, int End, AddedToken? Token)> Split(string text, bool plain)
    {
        if (_byFirst.Count == 0)
        {
            if (text.Length > 0) yield return (0, text.Length, null);
            yield break;
        }
        var (done, at) = (0, 0);
        while (text.AsSpan(at).IndexOfAny(_contents) is >= 0 and var found)
        {
            var start = at + found;
            var token = _byFirst[text[start]].First(t => string.CompareOrdinal(text, start, t.Content, 0, t.Content.Length) == 0);
            var end = start + token.Content.Length;
            at = end;
            if (plain && token.Special) continue;
            if (token.SingleWord && (WordEnds(text, start) || WordBegins(text, end))) continue;
            if (token.StripLeft)
            {
                start = Math.Max(start, done);
                while (start > done && char.IsWhiteSpace(text[start - 1])) start--;
            }
            if (token.StripRight)
                while (end < text.Length && char.IsWhiteSpace(text[end])) end++;
            if (start > done) yield return (done, start, null);
            yield return (start, end, token);
            // What it took along after itself may still be the beginning of another one, as in the library.
            done = end;
        }
        if (done < text.Length) yield return (done, text.Length, null);
    }

    private static bool WordEnds(string text, int at) => at > 0 && Rune.DecodeLastFromUtf16(text.AsSpan(0, at), out var rune, out _) == OperationStatus.Done && UnicodeClass.IsWord(rune);

    private static bool WordBegins(string text, int at) => at < text.Length && Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out _) == OperationStatus.Done && UnicodeClass.IsWord(rune);
}
