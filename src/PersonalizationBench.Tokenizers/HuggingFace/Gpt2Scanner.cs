using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// GPT-2's splitting by hand, several times as fast as the expression that defines it,
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>. Its pieces cover the text.
/// </summary>
internal static class Gpt2Scanner
{
    private const byte Other = 0, Letter = 1, Number = 2, Space = 3, Surrogate = 4;

    private static readonly byte[] Classes = [.. Enumerable.Range(0, 0x10000).Select(c => char.IsSurrogate((char)c) ? Surrogate : ClassOf(CharUnicodeInfo.GetUnicodeCategory((char)c), char.IsWhiteSpace((char)c)))];

    /// <summary>Length of the first piece of a text that is not empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int NextLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && ContractionLength(text) is > 0 and var contraction) return contraction;
        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        var kind = ClassAt(text, start, out var width);
        if (kind != Space)
        {
            var at = start + width;
            while (at < text.Length && ClassAt(text, at, out width) == kind) at += width;
            return at;
        }
        var end = 1;
        while (end < text.Length && Classes[text[end]] == Space) end++;
        // The last space of several belongs to what follows it.
        return end == text.Length || end == 1 ? end : end - 1;
    }

    private static int ContractionLength(ReadOnlySpan<char> text) => text.Length < 2 ? 0 : text[1] switch
    {
        's' or 't' or 'm' or 'd' => 2,
        'r' or 'v' when text.Length > 2 && text[2] == 'e' => 3,
        'l' when text.Length > 2 && text[2] == 'l' => 3,
        _ => 0,
    };

    private static byte ClassAt(ReadOnlySpan<char> text, int at, out int width)
    {
        var kind = Classes[text[at]];
        width = 1;
        if (kind != Surrogate) return kind;
        Rune.DecodeFromUtf16(text[at..], out var rune, out width);
        return ClassOf(Rune.GetUnicodeCategory(rune), whiteSpace: false);
    }

    private static byte ClassOf(UnicodeCategory category, bool whiteSpace) => category switch
    {
        <= UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        _ => whiteSpace ? Space : Other,
    };
}
