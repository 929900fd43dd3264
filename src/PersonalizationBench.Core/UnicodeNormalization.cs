using System.Globalization;
using System.Reflection;
using System.Text;

namespace PersonalizationBench.Core;

/// <summary>Is told how one text becomes another, from its beginning to its end.</summary>
public interface ITextChanges
{
    /// <summary>The next units of UTF-16 stay.</summary>
    void Keep(int units);

    /// <summary>A character of so many units is put.</summary>
    /// <param name="change">0: it replaces the next one; above: it is inserted; below: it replaces the next one and as many more as that.</param>
    void Put(int units, int change);
}

/// <summary>
/// The normalization forms of Unicode (UAX #15), from tables of its version 14.0. The base library leaves every text as it is
/// where the program runs with invariant globalization, as this one does, and would otherwise depend on the machine's ICU.
/// </summary>
/// <remarks>The resource has a line per fact, in hexadecimal: <c>=C D...</c> the full canonical decomposition of C, <c>~C D...</c>
/// the compatibility one where it differs, <c>+C A B</c> a pair that composes to C, <c>#A B N</c> combining class N from A to B.</remarks>
public static class UnicodeNormalization
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7, Vowels = 21, Tails = 28, Syllables = 11172;

    /// <summary>Below these nothing changes, and nothing combines with what stands before it.</summary>
    private const char FirstForComposition = '\u0300', FirstForOthers = '\u00A0';

    private static readonly Dictionary<int, int[]> Canonical = [], Compatible = [];
    private static readonly Dictionary<(int, int), int> Compositions = [];
    private static readonly Dictionary<int, byte> Classes = [];

    static UnicodeNormalization()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("UnicodeNormalization.txt")!);
        while (reader.ReadLine() is { } line)
        {
            int[] codes = [.. line[1..].Split(' ').Select(c => int.Parse(c, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            switch (line[0])
            {
                case '=': Canonical.Add(codes[0], codes[1..]); break;
                case '~': Compatible.Add(codes[0], codes[1..]); break;
                case '+': Compositions.Add((codes[1], codes[2]), codes[0]); break;
                default: for (var c = codes[0]; c <= codes[1]; c++) Classes.Add(c, (byte)codes[2]); break;
            }
        }
    }

    /// <param name="text">Well-formed: without lone surrogates.</param>
    /// <param name="changes">Where not null, is told what becomes of the text, from its beginning to its end, if anything does.</param>
    /// <returns>The text itself where nothing changes.</returns>
    public static string Normalize(string text, NormalizationForm form, ITextChanges? changes = null)
    {
        var compose = form is NormalizationForm.FormC or NormalizationForm.FormKC;
        var compatible = form is NormalizationForm.FormKC or NormalizationForm.FormKD;
        var first = form == NormalizationForm.FormC ? FirstForComposition : FirstForOthers;
        StringBuilder? result = null;
        List<(int Code, int Change)> codes = [];
        List<int> classes = [];
        var done = 0;
        // Stretches of characters that never change are copied as they are; each stretch of others is worked on together
        // with the character before it, with which its first may compose.
        for (var rest = 0; text.AsSpan(rest).IndexOfAnyInRange(first, '\uFFFF') is >= 0 and var found;)
        {
            var start = Math.Max(done, rest + found - 1);
            var end = text.AsSpan(rest + found).IndexOfAnyInRange('\0', (char)(first - 1));
            end = end < 0 ? text.Length : rest + found + end;
            result ??= new StringBuilder(text.Length);
            result.Append(text, done, start - done);
            changes?.Keep(start - done);
            foreach (var rune in text.AsSpan(start, end - start).EnumerateRunes()) Decompose(rune.Value, compatible, codes);
            Order(codes, classes);
            if (compose) Compose(codes, classes);
            foreach (var (code, change) in codes)
            {
                var rune = new Rune(code);
                result.Append(rune.ToString());
                changes?.Put(rune.Utf16SequenceLength, change);
            }
            codes.Clear();
            (done, rest) = (end, end);
        }
        changes?.Keep(text.Length - done);
        return result is null ? text : result.Append(text, done, text.Length - done).ToString();
    }

    /// <summary>The parts of a character, the first in its place, the others inserted after it.</summary>
    private static void Decompose(int code, bool compatible, List<(int Code, int Change)> into)
    {
        var syllable = code - HangulBase;
        if (syllable is >= 0 and < Syllables)
        {
            into.Add((LeadBase + syllable / (Vowels * Tails), 0));
            into.Add((VowelBase + syllable % (Vowels * Tails) / Tails, 1));
            if (syllable % Tails != 0) into.Add((TailBase + syllable % Tails, 1));
        }
        else if ((compatible && Compatible.TryGetValue(code, out var parts)) || Canonical.TryGetValue(code, out parts)) into.AddRange(parts.Select((part, i) => (part, Math.Min(i, 1))));
        else into.Add((code, 0));
    }

    /// <summary>Sorts each run of combining marks by class, keeping the order of equal ones. The sort is stable and n log n: a
    /// text may be nothing but marks.</summary>
    private static void Order(List<(int Code, int Change)> codes, List<int> classes)
    {
        classes.Clear();
        foreach (var (code, _) in codes) classes.Add(Classes.GetValueOrDefault(code));
        for (var start = 0; start < codes.Count; start++)
        {
            if (classes[start] == 0) continue;
            var (end, sorted) = (start + 1, true);
            for (; end < codes.Count && classes[end] != 0; end++) sorted &= classes[end - 1] <= classes[end];
            if (!sorted)
            {
                ((int, int) Code, int Class)[] marks = [.. Enumerable.Range(start, end - start).Select(i => (codes[i], classes[i])).OrderBy(m => m.Item2)];
                for (var i = 0; i < marks.Length; i++) (codes[start + i], classes[start + i]) = marks[i];
            }
            start = end - 1;
        }
    }

    /// <summary>Joins each starter with the marks after it that nothing of the same or a higher class keeps from it.</summary>
    private static void Compose(List<(int Code, int Change)> codes, List<int> classes)
    {
        var (starter, lastClass, kept) = (-1, 0, 0);
        for (var i = 0; i < codes.Count; i++)
        {
            var blocked = starter != kept - 1 && (lastClass == 0 || lastClass >= classes[i]);
            if (starter >= 0 && !blocked && TryCompose(codes[starter].Code, codes[i].Code, out var composed))
            {
                codes[starter] = (composed, codes[starter].Change + codes[i].Change - 1);
                continue;
            }
            if (classes[i] == 0) starter = kept;
            lastClass = classes[i];
            (codes[kept], classes[kept]) = (codes[i], classes[i]);
            kept++;
        }
        codes.RemoveRange(kept, codes.Count - kept);
    }

    private static bool TryCompose(int left, int right, out int composed)
    {
        if (left is >= LeadBase and < LeadBase + 19 && right is >= VowelBase and < VowelBase + Vowels)
        {
            composed = HangulBase + ((left - LeadBase) * Vowels + right - VowelBase) * Tails;
            return true;
        }
        if (left is >= HangulBase and < HangulBase + Syllables && (left - HangulBase) % Tails == 0 && right is > TailBase and < TailBase + Tails)
        {
            composed = left + right - TailBase;
            return true;
        }
        return Compositions.TryGetValue((left, right), out composed);
    }
}
