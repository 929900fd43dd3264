using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>
/// Does a generated text show the style of its user? Each feature looks at one habit and compares it with the value
/// expected of the user. Case counts only where it is the habit. A new feature is a row of <see cref="Features"/>.
/// </summary>
public static class StyleFeatures
{
    private static readonly Dictionary<string, Func<StyledText, string, bool>> Features = new()
    {
        // "dear" or "good morning": how the first line begins.
        ["greeting"] = (text, expected) => text.Lines is [var first, ..] && BeginsWithWords(first, expected),
        // "cheers": how the last line, or the one before a signature, begins.
        ["sign_off"] = (text, expected) => text.Lines.Skip(1).TakeLast(2).Any(line => BeginsWithWords(line, expected)),
        // "!" or ".": the mark with which the first line ends.
        ["emphasis"] = (text, expected) => text.Lines is [var first, ..] && first.EndsWith(expected, StringComparison.Ordinal),
        // "frankly", "haha": a word or phrase that is somewhere in the text.
        ["filler"] = (text, expected) => ContainsWords(text.Text, expected),
        ["laugh"] = (text, expected) => ContainsWords(text.Text, expected),
        // "colour/color": the user's spelling occurs, the other one does not.
        ["spelling"] = (text, expected) => expected.Split('/') is [var own, var other]
            ? ContainsWords(text.Text, own) && !ContainsWords(text.Text, other)
            : throw new PbenchException($"style feature 'spelling': '{expected}' found; expected the user's spelling and the other one, such as colour/color"),
        // "yes" or "no".
        ["exclamation"] = (text, expected) => text.Text.Contains('!') == IsYes("exclamation", expected),
        ["lower_case"] = (text, expected) => text.Text.Any(char.IsLetter) && !text.Text.Any(char.IsUpper) == IsYes("lower_case", expected),
    };

    /// <summary>Names that a probe may use.</summary>
    public static IReadOnlyCollection<string> Names => Features.Keys;

    /// <summary>Share, 0..1, of the <paramref name="expected"/> features (name to value) that <paramref name="text"/> shows.</summary>
    /// <exception cref="PbenchException">No features, an unknown feature, or a value that the feature cannot have.</exception>
    public static double Score(string text, IReadOnlyDictionary<string, string> expected)
    {
        if (expected.Count == 0) throw new PbenchException("a style probe names no style features; expected at least one");
        var styled = new StyledText(text);
        return expected.Average(e => Find(e.Key)(styled, e.Value) ? 1.0 : 0.0);
    }

    /// <summary>A text that has, of each feature, what most of <paramref name="users"/> (name to value, of each) are in the habit of: the best that
    /// a text which is the same for everyone can be expected to do, for what only one value can stand for. Null for no users.</summary>
    public static string? ConstantText(IReadOnlyList<IReadOnlyDictionary<string, string>> users)
    {
        if (users.Count == 0) return null;
        var common = users.SelectMany(u => u).GroupBy(f => f.Key).ToDictionary(
            g => g.Key, g => g.CountBy(f => f.Value).OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).First().Key);
        string Of(string name) => common.GetValueOrDefault(name, "");
        var body = string.Join(' ', new[] { Of("filler"), Of("laugh"), Of("spelling").Split('/')[0], Of("exclamation") == "yes" ? "!" : "" }.Where(w => w.Length > 0));
        var text = $"{Of("greeting")}{Of("emphasis")}\n{body}\n{Of("sign_off")}";
        return Of("lower_case") == "no" ? text.ToUpperInvariant() : text.ToLowerInvariant();
    }

    private static Func<StyledText, string, bool> Find(string name) => Features.TryGetValue(name, out var feature)
        ? feature
        : throw new PbenchException($"unknown style feature '{name}'; " + (NearestWord.Find(name, Names) is { } nearest ? $"did you mean '{nearest}'?" : $"expected one of {string.Join(", ", Names)}"));

    private static bool IsYes(string feature, string value) => value switch
    {
        "yes" => true,
        "no" => false,
        _ => throw new PbenchException($"style feature '{feature}': '{value}' found; expected yes or no"),
    };

    private static bool BeginsWithWords(string line, string words) => Find(line, words, 0) == 0;

    private static bool ContainsWords(string text, string words)
    {
        for (var at = 0; at <= text.Length; at++)
        {
            at = Find(text, words, at);
            if (at < 0) return false;
            if (at == 0 || !char.IsLetterOrDigit(text[at - 1])) return true;
        }
        return false;
    }

    /// <summary>Where <paramref name="words"/> next stand and end at the end of a word; -1 if nowhere.</summary>
    private static int Find(string text, string words, int from)
    {
        for (var at = from; (at = text.IndexOf(words, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
        {
            var end = at + words.Length;
            if (end == text.Length || !char.IsLetterOrDigit(text[end])) return at;
        }
        return -1;
    }

    /// <summary>A text and its lines that are not blank, trimmed.</summary>
    private sealed record StyledText(string Text)
    {
        public IReadOnlyList<string> Lines { get; } = Text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
