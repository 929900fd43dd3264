using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// Makes expressions over code points of what .NET matches unit by unit of UTF-16: every character beyond the basic plane is matched as one
/// unit of the same general category, its <b>stand-in</b>, which the pattern does not name.
/// </summary>
/// <remarks>Ranges of such characters in the pattern (<c>[𐐀-𐑏]</c>) become sets of stand-ins: characters are told apart by their category and
/// by which of the pattern's ranges they are in, and no finer. A character of the basic plane that happens to stand for a range is matched as
/// another one of its category.</remarks>
internal sealed partial class HigherPlanes
{
    private const int First = 0x10000, Last = 0x10FFFF, MostRanges = 63;

    /// <summary>The categories that have characters beyond the basic plane, with characters of it from its end: presentation forms and such,
    /// which patterns seldom name.</summary>
    private static readonly Dictionary<UnicodeCategory, char[]> Candidates = MakeCandidates();

    private readonly List<(int First, int Last)> _ranges = [], _named = [];
    private readonly Dictionary<(UnicodeCategory Category, long Ranges), char> _standIns = [];
    private char[] _taken = [];

    private HigherPlanes() { }

    /// <summary>Whether the pattern names characters beyond the basic plane.</summary>
    public bool NamesAny => _ranges.Count > 0;

    /// <summary>Whether a text has to be matched by what <see cref="StandInFor"/> gives.</summary>
    public bool Concern(ReadOnlySpan<char> text) => text.ContainsAnyInRange('\uD800', '\uDFFF') || (_taken.Length > 0 && text.ContainsAny(_taken));

    /// <summary>What a character is matched as.</summary>
    public char StandInFor(Rune rune) => rune.IsBmp && !_taken.Contains((char)rune.Value) ? (char)rune.Value
        : _standIns[(Rune.GetUnicodeCategory(rune), rune.IsBmp ? 0 : RangesOf(rune.Value))];

    /// <summary>The pattern for units of UTF-16, and what stands for the characters beyond.</summary>
    /// <exception cref="NotSupportedException">The pattern names so many characters that there are no stand-ins left.</exception>
    public static (string Pattern, HigherPlanes Planes) Translate(string pattern)
    {
        var planes = new HigherPlanes();
        var parts = planes.Parse(pattern);
        planes.ChooseStandIns();
        return (string.Concat(parts.Select(p => p.Text ?? planes.Spell(p.Range, p.InClass))), planes);
    }

    /// <summary>The pattern piece by piece: its text, or the number of a range beyond the basic plane.</summary>
    private List<(string? Text, int Range, bool InClass)> Parse(string pattern)
    {
        var parts = new List<(string?, int, bool)>();
        var inClass = false;
        for (var at = 0; at < pattern.Length;)
        {
            var (first, text) = Read(pattern, ref at);
            inClass = text == "[" || (inClass && text != "]");
            var (last, lastText) = (first, text);
            var isRange = inClass && first >= 0 && text != "[" && pattern.AsSpan(at) is ['-', not ']', ..];
            if (isRange)
            {
                at++;
                (last, lastText) = Read(pattern, ref at);
            }
            if (first >= 0) _named.Add((first, last));
            if (first < First) parts.Add((!isRange ? text : last < First ? $"{text}-{lastText}" : $"{text}-\\uFFFF", 0, inClass));
            if (last >= First) parts.Add((null, AddRange(Math.Max(first, First), last), inClass));
        }
        return parts;
    }

    /// <summary>The next character, or -1 for what stands for several or none, and how it is written for .NET.</summary>
    private static (int Code, string Text) Read(string pattern, ref int at)
    {
        if (Coded().Match(pattern, at) is { Success: true } coded)
        {
            at += coded.Length;
            var code = Convert.ToInt32(coded.Groups[1].Value + coded.Groups[2].Value + coded.Groups[3].Value, 16);
            return code <= Last ? (code, $"\\u{code:X4}") : throw new NotSupportedException($"'{coded.Value}' is no character");
        }
        if (Escaped().Match(pattern, at) is { Success: true } escaped)
        {
            at += escaped.Length;
            return (-1, escaped.Value);
        }
        var rune = Rune.GetRuneAt(pattern, at);
        at += rune.Utf16SequenceLength;
        return (rune.Value, rune.ToString());
    }

    private int AddRange(int first, int last)
    {
        _ranges.Add((first, last));
        return _ranges.Count <= MostRanges ? _ranges.Count - 1 : throw new NotSupportedException($"more than {MostRanges} ranges beyond the basic plane");
    }

    private void ChooseStandIns()
    {
        foreach (var category in Candidates.Keys) _standIns.Add((category, 0), '\0');
        foreach (var (first, last) in _ranges)
            for (var code = first; code <= last; code++) _standIns[(CharUnicodeInfo.GetUnicodeCategory(code), RangesOf(code))] = '\0';
        foreach (var kinds in _standIns.Keys.GroupBy(k => k.Category).ToList())
        {
            var free = Candidates[kinds.Key].Where(c => !_named.Exists(r => c >= r.First && c <= r.Last)).Take(kinds.Count()).ToList();
            if (free.Count < kinds.Count()) throw new NotSupportedException($"the characters of category {kinds.Key} that it names leave none to stand for those beyond the basic plane");
            foreach (var (kind, standIn) in kinds.Zip(free)) _standIns[kind] = standIn;
        }
        _taken = [.. _standIns.Where(s => s.Key.Ranges != 0).Select(s => s.Value)];
    }

    private long RangesOf(int code)
    {
        var ranges = 0L;
        for (var i = 0; i < _ranges.Count; i++)
            if (code >= _ranges[i].First && code <= _ranges[i].Last) ranges |= 1L << i;
        return ranges;
    }

    private string Spell(int range, bool inClass)
    {
        var standIns = string.Concat(_standIns.Where(s => (s.Key.Ranges >> range & 1) != 0).Select(s => $"\\u{(int)s.Value:X4}"));
        return inClass ? standIns : $"[{standIns}]";
    }

    private static Dictionary<UnicodeCategory, char[]> MakeCandidates()
    {
        var beyond = Enumerable.Range(First, Last + 1 - First).Select(CharUnicodeInfo.GetUnicodeCategory).ToHashSet();
        // Compatibility ideographs are passed over: patterns do name them.
        return Enumerable.Range(0x80, 0xFFFE - 0x80).Reverse().Where(c => c is < 0xD800 or > 0xDFFF and (< 0xF900 or > 0xFAFF)).Select(c => (char)c)
            .GroupBy(CharUnicodeInfo.GetUnicodeCategory).Where(g => beyond.Contains(g.Key)).ToDictionary(g => g.Key, g => g.ToArray());
    }

    /// <summary>A character by its number.</summary>
    [GeneratedRegex(@"\G\\(?:x\{([0-9A-Fa-f]{1,8})\}|(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})))")]
    private static partial Regex Coded();

    /// <summary>Any other escape: a set, a place, or a character that is none of those that stand for others.</summary>
    [GeneratedRegex(@"\G\\(?:[pP]\{[^}]*\}|[\s\S])")]
    private static partial Regex Escaped();
}
