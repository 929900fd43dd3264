using System.Globalization;
using System.Text;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Makes a query of FTS5 from free text: its words, each quoted, joined by OR.</summary>
internal static class FullTextQuery
{
    /// <summary>Null for a text without words. Nothing of the text can be taken for syntax: a word consists of letters,
    /// digits and marks and stands in quotes. A word counts once, however often it occurs.</summary>
    public static string? From(string text)
    {
        var words = Words(text).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        return words.Count == 0 ? null : string.Join(" OR ", words.Select(w => $"\"{w}\""));
    }

    private static IEnumerable<string> Words(string text)
    {
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsOfWord(rune))
            {
                word.Append(rune.ToString());
            }
            else if (word.Length > 0)
            {
                yield return word.ToString();
                word.Clear();
            }
        }
        if (word.Length > 0) yield return word.ToString();
    }

    private static bool IsOfWord(Rune rune) => Rune.IsLetterOrDigit(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
}
