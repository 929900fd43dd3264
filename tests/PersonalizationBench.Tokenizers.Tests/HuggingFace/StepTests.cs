using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>Normalizers, pre-tokenizers and decoders by themselves.</summary>
public class StepTests
{
    private const string Llama3 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Qwen2 = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    [Theory]
    [InlineData("Removed", "The|final|countdown")]
    [InlineData("Isolated", "The|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "The-|final-|-|countdown")]
    [InlineData("MergedWithNext", "The|-final|-|-countdown")]
    [InlineData("Contiguous", "The|-|final|--|countdown")]
    public void SplitDoesWithItsDelimiterAsItIsTold(string behavior, string expected) =>
        Assert.Equal(expected, Pieces($$"""{"type":"Split","pattern":{"String":"-"},"behavior":"{{behavior}}","invert":false}""", "The-final--countdown"));

    [Theory]
    [InlineData("""{"type":"Split","pattern":{"Regex":"[a-z]+"},"behavior":"Removed","invert":true}""", "ab 1 cd", "ab|cd")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"(?=[A-Z])"},"behavior":"Isolated","invert":false}""", "aBcD", "a|Bc|D")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "a12½b", "a|1|2|½|b")]
    [InlineData("""{"type":"Digits","individual_digits":false}""", "a12½b", "a|12½|b")]
    [InlineData("""{"type":"Digits","individual_digits":true}""", "𝟘𝟙a", "𝟘|𝟙|a")]
    [InlineData("""{"type":"Punctuation"}""", "Hey! you?!$", "Hey|!| you|?|!|$")]
    [InlineData("""{"type":"Punctuation","behavior":"Contiguous"}""", "Hey! you?!", "Hey|!| you|?!")]
    [InlineData("""{"type":"CharDelimiterSplit","delimiter":"é"}""", "aébéé c", "a|b| c")]
    [InlineData("""{"type":"WhitespaceSplit"}""", " Hey  you!\n", "Hey|you!")]
    [InlineData("""{"type":"Whitespace"}""", "Hey man! ok_1 𝒜é?!", "Hey|man|!|ok_1|𝒜é|?!")]
    [InlineData("""{"type":"BertPreTokenizer"}""", "Hey you! $5", "Hey|you|!|$|5")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""", "Hey  you", "▁Hey|▁|▁you")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"split":true}""", "Hey you ", "Hey|▁you|▁")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true}""", "Hé you", "ĠHÃ©|Ġyou")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""", "Hey you", "HeyĠyou")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]}""", "a 12", "a|Ġ|1|2")]
    public void PreTokenizersSplit(string json, string text, string expected) => Assert.Equal(expected, Pieces(json, text));

    [Theory]
    [InlineData(Llama3, "Hello  world's 12345!\n\nI'LL", "Hello| | world|'s| |123|45|!\n\n|I|'LL")]
    [InlineData(Qwen2, "Hello  world's 123!\n\nI'LL", "Hello| | world|'s| |1|2|3|!\n\n|I|'LL")]
    [InlineData(Llama3, "\t𝒜𝒜 𝟘𝟙𝟚𝟛 😀😀x", "\t𝒜𝒜| |𝟘𝟙𝟚|𝟛| 😀😀|x")] // letters, digits and symbols beyond the basic plane
    [InlineData(Llama3, "a'ſ 😀", "a|'ſ| 😀")] // the long s is an s without its case
    [InlineData(Qwen2, " \n \n x", " \n \n| x")]
    public void TheEcosystemsExpressionsSplitByCodePoints(string pattern, string text, string expected) =>
        Assert.Equal(expected, Pieces($$"""{"type":"Split","pattern":{"Regex":{{System.Text.Json.JsonSerializer.Serialize(pattern)}}},"behavior":"Isolated","invert":false}""", text));

    [Theory]
    [InlineData("""{"type":"NFC"}""", "cafe\u0301", "caf\u00e9")]
    [InlineData("""{"type":"NFD"}""", "caf\u00e9 각", "cafe\u0301 \u1100\u1161\u11a8")]
    [InlineData("""{"type":"NFKC"}""", "ﬁ①", "fi1")]
    [InlineData("""{"type":"NFKD"}""", "ﬁé", "fie\u0301")]
    [InlineData("""{"type":"Lowercase"}""", "ÀΣ𐐀İ", "àσ𐐨i\u0307")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]}""", "Ünï", "Uni")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":false}""", " \u3000a ", "a ")]
    [InlineData("""{"type":"Strip","strip_left":false,"strip_right":true}""", " a \n", " a")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"_"}""", "a  b   c", "a_b_c")]
    [InlineData("""{"type":"Prepend","prepend":"▁"}""", "a", "▁a")]
    [InlineData("""{"type":"Prepend","prepend":"▁"}""", "", "")]
    [InlineData("""{"type":"Nmt"}""", "a\u0001b\tc\u200bd", "ab c d")]
    [InlineData("""{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}""", "É\u0000\t中", "e  中 ")]
    [InlineData("""{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":false,"strip_accents":true,"lowercase":false}""", "É中", "E中")]
    [InlineData("""{"type":"ByteLevel"}""", "é ", "Ã©Ġ")]
    public void NormalizersChange(string json, string text, string expected) => Assert.Equal(expected, Normalizers.Read(TokenizerJson.Part(json, "normalizer"))(new AlignedText(text), false).Text);

    [Theory]
    [InlineData("a ﬁx\tc", "a fix c")]
    [InlineData("\r\n\n", "  ")] // one cluster, and as a whole what its beginning becomes
    [InlineData("e\u0301\u200b!", "é!")]
    [InlineData("a\u0301 e", "a\u0301 e")]
    [InlineData("e\u0301\u0302\u0303", "e\u0301\u0302\u0303")] // seven bytes: one by one, where e alone is not known
    [InlineData("ﬁ\u0301", "fi")] // five bytes: the accent goes
    [InlineData("ﬁ\u0301\u0301", "fi\u0301\u0301")]
    [InlineData("e\u0301\u0302", "é")] // the shortest beginning that is known
    [InlineData("𝒜👨‍👩‍👧한ab\0", "A👨‍👩‍👧한a1\0")]
    [InlineData("", "")]
    public void APrecompiledTableChangesClustersOrCharacters(string text, string expected)
    {
        var table = CharsMap.Of(("ﬁ", "fi"), ("\t", " "), ("\r", " "), ("\n", " "), ("e\u0301", "é"), ("e\u0301\u0302", "ế"), ("\u200b", ""), ("𝒜", "A"), ("b", "1"));
        Assert.Equal(expected, Precompiled(table)(text));
    }

    [Fact]
    public void EveryRuleOfAPrecompiledTableIsFoundAndNothingElse()
    {
        var random = new DeterministicRandom(17);
        for (var i = 0; i < 20; i++)
        {
            var rules = Enumerable.Range(0, 1 + random.Next(300)).Select(_ => new Rune(random.Chance(0.5) ? random.Next(0x21, 0x800) : random.Next(0x10000, 0x10FFFF)).ToString()).Distinct().ToDictionary(r => r, _ => RandomText.Next(random, 3).Replace("\0", ""));
            var normalize = Precompiled(CharsMap.Of([.. rules.Select(r => (r.Key, r.Value))]));
            foreach (var (from, to) in rules) Assert.Equal(to, normalize(from));
            for (var code = 0x21; code < 0x10FFFF; code += random.Next(1, 500))
                if (Rune.IsValid(code) && new Rune(code).ToString() is var other && !rules.ContainsKey(other)) Assert.Equal(other, normalize(other));
        }
    }

    private static Func<string, string> Precompiled(string table)
    {
        var normalizer = Normalizers.Read(TokenizerJson.Part($$"""{"type":"Precompiled","precompiled_charsmap":"{{table}}"}""", "normalizer"));
        return text => normalizer(new AlignedText(text), false).Text;
    }

    [Theory]
    [InlineData("""{"type":"ByteLevel"}""", "H|Ã|©|Ġy", "Hé y")]
    [InlineData("""{"type":"ByteLevel"}""", "Ã|a", "\uFFFDa")]
    [InlineData("""{"type":"ByteLevel"}""", "字", "字")] // an added token that no bytes spell
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""", "▁Hey|▁you▁", "Hey you ")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never"}""", "▁Hey", " Hey")]
    [InlineData("""{"type":"ByteFallback"}""", "a|<0xC3>|<0xA9>|b|<0xC3>", "aéb\uFFFD")]
    [InlineData("""{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":2}]}""", "  a|  |  ", " a  ")]
    [InlineData("""{"type":"Strip","content":"_","start":0,"stop":3}""", "_|a_", "a")]
    [InlineData("""{"type":"Replace","pattern":{"String":"▁"},"content":" "}""", "▁a▁", " a ")]
    [InlineData("""{"type":"WordPiece","prefix":"##","cleanup":true}""", "it|'s|do|##es|.", "it's does.")]
    [InlineData("""{"type":"BPEDecoder","suffix":"</w>"}""", "a|b</w>|c</w>", "ab c")]
    public void DecodersJoin(string json, string tokens, string expected) =>
        Assert.Equal(expected, string.Concat(Decoders.Read(TokenizerJson.Part(json, "decoder"))([.. tokens.Split('|')])));

    private static string Pieces(string json, string text) =>
        string.Join('|', PreTokenizers.Read(TokenizerJson.Part(json, "pre_tokenizer"))([new Piece(new AlignedText(text), Place.Beginning)]).Select(p => p.Span.ToString()));
}
