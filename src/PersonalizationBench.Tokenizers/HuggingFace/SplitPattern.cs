using System.Text;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// A regular expression as the tokenizers' files have it (Oniguruma's Ruby syntax), matched over code points.
/// </summary>
/// <remarks>
/// .NET matches UTF-16 units, so that <c>\p{L}</c> matches no letter beyond the basic plane. A text with such characters is
/// therefore matched through a copy in which each of them is one unit: <see cref="HigherPlanes"/>. What the two syntaxes read differently is refused by name: <c>\w</c>, <c>\b</c>, classes within classes,
/// set operations, options other than <c>i</c>; what .NET cannot parse, too.
/// </remarks>
internal sealed class SplitPattern
{
    /// <summary>Interpreted until so many characters were matched: compiling takes longer than a prompt does.</summary>
    private const int CompileAfter = 1 << 16;

    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;

    private static readonly string[] KnownGroups = ["(?:", "(?i:", "(?i)", "(?=", "(?!", "(?<=", "(?<!", "(?>"];

    private readonly string _pattern;
    private readonly HigherPlanes _planes;
    private readonly bool _ignoresCase;
    private Regex _regex;
    private bool _compiled;
    private long _matched;

    private SplitPattern(string pattern, HigherPlanes planes, string? literal)
    {
        (_pattern, _planes, _regex, Literal) = (pattern, planes, new Regex(pattern, Options), literal);
        _ignoresCase = pattern.Contains("(?i", StringComparison.Ordinal);
    }

    /// <summary>What is matched where that is one text.</summary>
    public string? Literal { get; }

    /// <summary>Reads <c>{"Regex": "..."}</c> or <c>{"String": "..."}</c>.</summary>
    public static SplitPattern Read(JsonPart part)
    {
        if (part.Optional("String") is { } literal)
            return part.Done(literal.String().Length > 0 ? Create(Regex.Escape(literal.String()), literal.String(), literal.Error) : throw literal.Error("expected a text that is not empty"));
        var regex = part.Optional("Regex") ?? throw part.Error("expected Regex or String");
        return part.Done(Of(regex.String(), regex.Error));
    }

    /// <param name="error">Makes an error of what is wrong with the pattern.</param>
    public static SplitPattern Of(string regex, Func<string, PbenchException> error)
    {
        RefuseWhatIsReadDifferently(regex, error);
        return Create(regex, null, error);
    }

    private static SplitPattern Create(string pattern, string? literal, Func<string, PbenchException> error)
    {
        try
        {
            var (translated, planes) = HigherPlanes.Translate(pattern);
            var created = new SplitPattern(translated, planes, literal);
            return created._ignoresCase && planes.NamesAny ? throw error("(?i) with characters beyond the basic plane is not supported") : created;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw error($"the regular expression is not supported: {e.Message}");
        }
    }

    private static void RefuseWhatIsReadDifferently(string pattern, Func<string, PbenchException> error)
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

        void Refuse(ReadOnlySpan<char> what, string why = "") => throw error($"the regular expression's '{what}'{why} is not supported");
    }

    /// <summary>Beginning and end of every match, in UTF-16 units. An empty match right after another one is none.</summary>
    public List<(int Start, int End)> Matches(ReadOnlySpan<char> text)
    {
        var regex = Prepared(text.Length);
        var matches = new List<(int, int)>(text.Length / 4 + 1);
        var last = -1;
        if (!_planes.Concern(text) && !(_ignoresCase && text.Contains('\u017F')))
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

    /// <summary>Oniguruma folds the long s to s, .NET does not.</summary>
    private char StandInFor(Rune rune) => _ignoresCase && rune.Value == 0x017F ? 's' : _planes.StandInFor(rune);

    private Regex Prepared(int length)
    {
        if (!_compiled && (_matched += length) > CompileAfter)
        {
            _regex = new Regex(_pattern, Options | RegexOptions.Compiled);
            _compiled = true;
        }
        return _regex;
    }
}
