using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>Patterns that name characters beyond the basic plane, by themselves, in ranges, or by number.</summary>
public class SplitPatternTests
{
    // DeepSeek's first splits: the letters that have a case, ranges beyond the basic plane among them, and the ideographs.
    private const string Cased = @"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";

    [Theory]
    [InlineData(Cased, "aé𐐀𐑏x 𐓘b", "aé𐐀𐑏x| 𐓘b")]
    [InlineData(Cased, "𐑐𞥄𝒜", "")] // just after the ranges, and a letter that is in none
    [InlineData("[𐐀-𐑏]+", "𐐀a𐐁𐑏", "𐐀|𐐁𐑏")]
    [InlineData("[^𐐀-𐑏]+", "𐐀a😀𐐁𝒜", "a😀|𝒜")]
    [InlineData("[ﷰ-𐐁]+", "aﷰ\uFFFC𐐀𐐁𐐂", "ﷰ\uFFFC𐐀𐐁")] // across the border
    [InlineData("[a-𐐁]+", "a", null)] // names all of some category: nothing is left to stand for its others
    [InlineData("😀+", "😀😀😁", "😀😀")]
    [InlineData("(?:😀|b)", "😀ab", "😀|b")]
    [InlineData(@"[\x{1F600}-\x{1F64F}]", "😀a🙏🚀", "😀|🙏")]
    [InlineData(@"\x{61}\x{1F600}?", "a😀a", "a😀|a")]
    [InlineData(@"[\x41-\u0043]+", "ABCD", "ABC")]
    [InlineData(@"[𐐀-𐑏]|\p{Lu}|\p{Ll}", "𐐀𐐨𝒜a", "𐐀|𐐨|𝒜|a")]
    [InlineData(@"[\p{L}-[😀]", "a", null)]
    [InlineData("(?i:[𐐀-𐐧])", "𐐨", null)]
    [InlineData(@"[\x00-\x{10FFFF}]", "a", null)]
    public void Characters_beyond_the_basic_plane_are_matched_as_the_pattern_names_them(string regex, string text, string? expected)
    {
        if (expected is null)
        {
            Assert.Contains("supported", Assert.Throws<PbenchException>(() => Of(regex)).Message);
            return;
        }
        Assert.Equal(expected, string.Join('|', Of(regex).Matches(text).Select(m => text[m.Start..m.End])));
    }

    /// <summary>Some characters of the basic plane stand for others inside; met in a text they are themselves.</summary>
    [Fact]
    public void A_range_is_matched_by_its_own_characters_and_no_others()
    {
        var pattern = Of("[𐐀-𐑏😀-😏]");
        for (var code = 1; code < 0x11000; code++)
            if (Rune.IsValid(code)) Assert.Equal(code is >= 0x10400 and <= 0x1044F, pattern.Matches(new Rune(code).ToString()).Count == 1);
        for (var code = 0x1F5F0; code < 0x1F620; code++) Assert.Equal(code is >= 0x1F600 and <= 0x1F60F, pattern.Matches(new Rune(code).ToString()).Count == 1);
    }

    private static SplitPattern Of(string regex) => SplitPattern.Of(regex, message => new PbenchException(message));
}
