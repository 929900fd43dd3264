using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tests;

/// <summary>Well-formed texts of all kinds: letters, spaces and newlines in any number, all planes of Unicode, NUL.</summary>
internal static class RandomText
{
    public static string Next(DeterministicRandom random, int maxRunes)
    {
        var text = new StringBuilder();
        for (var n = random.Next(maxRunes + 1); n > 0; n--)
        {
            text.Append(random.Next(6) switch
            {
                0 => " ",
                1 => random.Chance(0.5) ? "\n" : "\t",
                2 or 3 => ((char)('a' + random.Next(26))).ToString(),
                4 => random.Pick(["the", "cat", "The", "<0x41>", "<bos>", "é", "\r", "\0"]),
                _ => AnyRune(random).ToString(),
            });
        }
        return text.ToString();
    }

    private static Rune AnyRune(DeterministicRandom random)
    {
        int value;
        do value = random.Next(random.Chance(0.5) ? 0x800 : 0x110000);
        while (!Rune.IsValid(value));
        return new Rune(value);
    }
}
