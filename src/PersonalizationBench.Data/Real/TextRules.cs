using System.Text;
using System.Text.RegularExpressions;

namespace PersonalizationBench.Data.Real;

/// <summary>How texts from mail programs and books become documents. Every rule is pure and stated in the datasets' README.</summary>
public static partial class TextRules
{
    /// <summary>Lines shorter than this were not broken because they were full.</summary>
    private const int NearlyFullLine = 60;

    /// <summary>
    /// Line ends become <c>\n</c>, runs of spaces and tabs one space, blank lines at most one in a row, none at either end.
    /// A line break inside a paragraph goes where a mail program put it: before a line that begins with a small letter, or
    /// after a line of 60 characters and more; not before a list item or a quotation.
    /// </summary>
    public static string Unwrap(string body)
    {
        var text = new StringBuilder();
        var previous = "";
        foreach (var raw in body.ReplaceLineEndings("\n").Split('\n'))
        {
            var line = Blanks().Replace(raw, " ").Trim();
            if (line.Length > 0)
            {
                if (previous.Length > 0) text.Append(IsHardWrap(previous, line) ? ' ' : '\n');
                else if (text.Length > 0) text.Append("\n\n");
                text.Append(line);
            }
            previous = line;
        }
        return text.ToString();
    }

    /// <summary>One line: every run of whitespace becomes one space.</summary>
    public static string Flatten(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>
    /// The longest beginning of at most <paramref name="maxBytes"/> UTF-8 bytes that ends with a sentence; where there is none,
    /// with a word; where there is none either, with a whole character. A text that fits is kept as it is.
    /// </summary>
    public static string Cut(string text, int maxBytes)
    {
        if (Encoding.UTF8.GetByteCount(text) <= maxBytes) return text;
        var fits = 0;
        var bytes = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > maxBytes) break;
            fits += rune.Utf16SequenceLength;
        }
        var sentence = SentenceEnds(text).TakeWhile(end => end <= fits).LastOrDefault();
        if (sentence > 0) return text[..sentence];
        var word = fits;
        while (word > 0 && !(char.IsWhiteSpace(text[word]) && !char.IsWhiteSpace(text[word - 1]))) word--;
        return text[..(word > 0 ? word : fits)];
    }

    /// <summary>Ends of sentences: after a full stop, exclamation or question mark with its closing quotes and brackets,
    /// before whitespace or at the text's end; not after a title (Mr., Sir W.) or a single capital letter.</summary>
    public static IEnumerable<int> SentenceEnds(string text) => SentenceEnd().Matches(text).Select(m => m.Index + m.Length);

    /// <summary>Letters and digits in lower case: what is left of a text when layout and punctuation do not count.</summary>
    public static string Essence(string text) => string.Concat(text.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    private static bool IsHardWrap(string line, string next) =>
        !ListItem().IsMatch(next) && (char.IsLower(next[0]) || line.Length >= NearlyFullLine);

    [GeneratedRegex(@"[ \t\u00A0]+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"^(?:[-*•>]|\d+[.)])\s|^>")]
    private static partial Regex ListItem();

    [GeneratedRegex("(?<!\\b(?:Mr|Mrs|Ms|Dr|Prof|St|Esq|Capt|Col|Lieut|Gen|Mons|Rev|Hon|Alderm|[A-Z]))[.!?]+[\"'”’)\\]]*(?=\\s|$)")]
    private static partial Regex SentenceEnd();
}
