using System.Globalization;
using System.Reflection;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// The pre-tokenizer that splits where the script changes. Hiragana, Katakana and their sound mark count as Han; a space, and a character of no
/// script, goes with what is before it, and what of these stands before everything else is left out, as in the library tokenizers.
/// </summary>
/// <remarks>The scripts are those of Unicode 9.0 (Scripts.txt), which that library has. The resource has a range a line: first and last code
/// point in hexadecimal and the script's name.</remarks>
internal static class UnicodeScripts
{
    private const int None = 0;

    private static readonly (int First, int Last, int Script)[] Ranges = Read();

    public static void Split(Piece piece, List<Piece> into)
    {
        var (start, at, last) = (-1, 0, None);
        foreach (var rune in piece.Span.EnumerateRunes())
        {
            var script = Of(rune);
            if (script != None && script != last)
            {
                if (start >= 0) into.Add(piece.Slice(start, at));
                (start, last) = (at, script);
            }
            at += rune.Utf16SequenceLength;
        }
        if (start >= 0) into.Add(piece.Slice(start, at));
    }

    /// <summary>The number of a character's script; 0 where it has none.</summary>
    public static int Of(Rune rune)
    {
        if (rune.Value == ' ') return None;
        var (low, high) = (0, Ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var (first, last, script) = Ranges[middle];
            if (rune.Value < first) high = middle - 1;
            else if (rune.Value > last) low = middle + 1;
            else return script;
        }
        return None;
    }

    private static (int, int, int)[] Read()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("UnicodeScripts.txt")!);
        var numbers = new Dictionary<string, int>();
        var ranges = new List<(int First, int Last, int Script)>();
        while (reader.ReadLine()?.Split(' ') is [var first, var last, var name])
        {
            if (name is "Hiragana" or "Katakana") name = "Han";
            if (!numbers.TryGetValue(name, out var number)) numbers.Add(name, number = numbers.Count + 1);
            ranges.Add((int.Parse(first, NumberStyles.HexNumber, CultureInfo.InvariantCulture), int.Parse(last, NumberStyles.HexNumber, CultureInfo.InvariantCulture), number));
        }
        // The sound mark U+30FC is common to both kana, and stands between common characters.
        var at = ranges.FindIndex(r => r.First <= 0x30FC && r.Last >= 0x30FC);
        var (from, to, common) = ranges[at];
        ranges.RemoveAt(at);
        ranges.InsertRange(at, new[] { (from, 0x30FB, common), (0x30FC, 0x30FC, numbers["Han"]), (0x30FD, to, common) }.Where(r => r.Item1 <= r.Item2));
        return [.. ranges];
    }
}
