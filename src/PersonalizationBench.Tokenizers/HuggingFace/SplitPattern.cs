using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// A regular expression as the tokenizers' files have it (Oniguruma's Ruby syntax), matched over code points.
/// </summary>
/// <remarks>
/// .NET matches UTF-16 units, so that <c>\p{L}</c> matches no letter beyond the basic plane. A text with such characters is
/// therefore matched through a copy in which each of them is one unit of the same general category (a <b>stand-in</b>) that no
/// known pattern names. What the two syntaxes read differently is refused by name: <c>\w</c>, <c>\b</c>, classes within classes,
/// set operations, options other than <c>i</c>; what .NET cannot parse, too.
/// </remarks>
internal sealed class SplitPattern
{
    /// <summary>Interpreted until so many characters were matched: compiling takes longer than a prompt does.</summary>
    private const int CompileAfter = 1 << 16;

    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;

    // Rare characters, one per category; for the categories without one beyond ASCII in the basic plane there is none beyond it either.
    private static readonly ImmutableArray<char> StandIns = MakeStandIns();

    private static readonly string[] KnownGroups = ["(?:", "(?i:", "(?i)", "(?=", "(?!", "(?<=", "(?<!", "(?>"];

    private readonly string _pattern;
    private readonly bool _ignoresCase;
    private Regex _regex;
    private bool _compiled;
    private long _matched;

    private SplitPattern(string pattern, Regex regex)
    {
        (_pattern, _regex) = (pattern, regex);
        _ignoresCase = pattern.Contains("(?i", StringComparison.Ordinal);
    }

    /// <summary>Reads <c>{"Regex": "..."}</c> or <c>{"String": "..."}</c>.</summary>
    public static SplitPattern Read(JsonPart part)
    {
        if (part.Optional("String") is { } literal)
            return part.Done(literal.String().Length > 0 ? Create(Regex.Escape(literal.String()), literal, literalText: true) : throw literal.Error("expected a text that is not empty"));
        var regex = part.Optional("Regex") ?? throw part.Error("expected Regex or String");
        return part.Done(Create(regex.String(), regex, literalText: false));
    }

    private static SplitPattern Create(string pattern, JsonPart part, bool literalText)
    {
        if (pattern.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) throw part.Error("characters beyond the basic plane are not supported in a pattern");
        if (!literalText) RefuseWhatIsReadDifferently(pattern, part);
        try
        {
            return new SplitPattern(pattern, new Regex(pattern, Options));
        }
        catch (ArgumentException e)
        {
            throw part.Error($"the regular expression is not supported: {e.Message}");
        }
    }

    private static void RefuseWhatIsReadDifferently(string pattern, JsonPart part)
    {
        var classBegins = -1;
        for (var i = 0; i < pattern.Length; i++)
        {
            var rest = pattern.AsSpan(i);
            var inClass = classBegins >= 0;
            if (rest[0] == '\\' && rest.Length > 1)
            {
                if ("wWbBhHRXKGZkg".Contains(rest[1])) Refuse(rest[..2]);
                i++;
            }
            else if (inClass && (rest[0] == '[' || rest.StartsWith("&&"))) Refuse(rest[..Math.Min(2, rest.Length)], " (a class within a class or a set operation)");
            else if (inClass && rest[0] == ']')
            {
                if (pattern.AsSpan(classBegins, i - classBegins) is "[" or "[^") Refuse("[]", " (a class that begins with its end)");
                classBegins = -1;
            }
            else if (!inClass && rest[0] == '[') classBegins = i;
            else if (!inClass && rest.StartsWith("{,")) Refuse("{,");
            else if (!inClass && rest.StartsWith("(?") && !KnownGroups.Any(g => pattern.AsSpan(i).StartsWith(g))) Refuse(rest[..Math.Min(4, rest.Length)]);
        }

        void Refuse(ReadOnlySpan<char> what, string why = "") => throw part.Error($"the regular expression's '{what}'{why} is not supported");
    }

    /// <summary>Beginning and end of every match, in UTF-16 units. An empty match right after another one is none.</summary>
    public List<(int Start, int End)> Matches(ReadOnlySpan<char> text)
    {
        var regex = Prepared(text.Length);
        var matches = new List<(int, int)>(text.Length / 4 + 1);
        var last = -1;
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF') && !(_ignoresCase && text.Contains('\u017F')))
        {
            foreach (var match in regex.EnumerateMatches(text))
            {
                if (match.Length == 0 && match.Index == last) continue;
                last = match.Index + match.Length;
                matches.Add((match.Index, last));
            }
            return matches;
        }
        var units = new char[text.Length];
        var positions = new int[text.Length + 1];
        var count = 0;
        for (var i = 0; i < text.Length; count++)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
            units[count] = StandInFor(rune);
            positions[count] = i;
            i += consumed;
        }
        positions[count] = text.Length;
        foreach (var match in regex.EnumerateMatches(units.AsSpan(0, count)))
        {
            if (match.Length == 0 && match.Index == last) continue;
            last = match.Index + match.Length;
            matches.Add((positions[match.Index], positions[last]));
        }
        return matches;
    }

    private char StandInFor(Rune rune) => !rune.IsBmp ? StandIns[(int)Rune.GetUnicodeCategory(rune)]
        // Oniguruma folds the long s to s, .NET does not.
        : _ignoresCase && rune.Value == 0x017F ? 's' : (char)rune.Value;

    private Regex Prepared(int length)
    {
        if (!_compiled && (_matched += length) > CompileAfter)
        {
            _regex = new Regex(_pattern, Options | RegexOptions.Compiled);
            _compiled = true;
        }
        return _regex;
    }

    private static ImmutableArray<char> MakeStandIns()
    {
        var standIns = new char[Enum.GetValues<UnicodeCategory>().Length];
        // From the end: presentation forms and such, which patterns do not name; CJK and compatibility ideographs are passed over.
        for (var c = 0xFFFD; c > 0x7F; c--)
            if (standIns[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)] == '\0' && c is < 0xF900 or > 0xFAFF) standIns[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)] = (char)c;
        return [.. standIns];
    }
}
