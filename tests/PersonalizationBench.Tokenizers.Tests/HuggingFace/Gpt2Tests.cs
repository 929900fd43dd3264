using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

public class Gpt2Tests
{
    private const string Folder = "tokenizers/gpt2/";
    private static readonly Lazy<HuggingFaceTokenizer> Loaded = new(() => Gpt2Files.Load(SharedData.Require(Folder + "encoder.json"), SharedData.Require(Folder + "vocab.bpe")));

    private static HuggingFaceTokenizer Tokenizer
    {
        get
        {
            SharedData.Require(Folder + "encoder.json");
            SharedData.Require(Folder + "vocab.bpe");
            return Loaded.Value;
        }
    }

    [SkippableFact]
    public void TheIdsAreThoseOfTheReference()
    {
        var texts = File.ReadAllText(SharedData.Require(Folder + "ggml-vocab-gpt-2.gguf.inp")).Split("\n__ggml_vocab_test__\n");
        var lines = File.ReadAllText(SharedData.Require(Folder + "ggml-vocab-gpt-2.gguf.out")).Split('\n');
        Assert.True(texts.Length >= 40 && lines.Length == texts.Length);
        for (var i = 0; i < texts.Length; i++)
        {
            int[] expected = [.. lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
            Assert.Equal(expected, Tokenizer.Encode(texts[i]));
            Assert.Equal(texts[i], Tokenizer.Decode(expected));
        }
    }

    [SkippableFact]
    public void EndOfTextIsASpecialToken()
    {
        Assert.Equal((50257, (int?)50256, (int?)50256), (Tokenizer.VocabularySize, Tokenizer.BeginOfText, Tokenizer.EndOfText));
        Assert.Equal([15496, 50256, 995], Tokenizer.Encode("Hello<|endoftext|> world"));
        Assert.Equal("Hello world", Tokenizer.Decode([15496, 50256, 995]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Tokenizer.Decode([50257]));
    }

    [SkippableFact]
    public void EveryWellFormedTextComesBack()
    {
        var tokenizer = Tokenizer;
        Prop.ForAll(ArbMap.Default.ArbFor<long>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            for (var i = 0; i < 50; i++)
            {
                var text = RandomText.Next(random, 60);
                Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
                Assert.Equal(tokenizer.Encode(text), tokenizer.EncodeContinuation(text));
            }
        }).QuickCheckThrowOnFailure();
    }

    [SkippableFact]
    public void LoneSurrogatesBecomeTheReplacementCharacter() => Assert.Equal("a\uFFFDb", Tokenizer.Decode(Tokenizer.Encode("a\ud800b")));

    [Fact]
    public void TheScannerSplitsAsTheExpressionDoes()
    {
        var pattern = new Regex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant);
        Prop.ForAll(ArbMap.Default.ArbFor<long>(), seed =>
        {
            var random = new DeterministicRandom(seed);
            for (var i = 0; i < 100; i++)
            {
                // The expression of .NET sees units of UTF-16, so here the texts are of the basic plane.
                var text = string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => random.Next(3) switch
                {
                    0 => random.Pick(["'", "'s", "'re", "'ll", "'v", " ", "  ", "\n", "\u00a0", "\u3000", "\u0085", "½", "Ⅷ", "é", "字", "\u0301", "!", "_"]),
                    1 => ((char)random.Next(0x20, 0x7F)).ToString(),
                    _ => ((char)random.Next(0xD800)).ToString(),
                }));
                var pieces = new List<string>();
                for (var at = 0; at < text.Length; at += pieces[^1].Length) pieces.Add(text.Substring(at, Gpt2Scanner.NextLength(text.AsSpan(at))));
                Assert.Equal(pattern.Matches(text).Select(m => m.Value), pieces);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void TheScannerSeesLettersAndNumbersBeyondTheBasicPlane()
    {
        // 𝒜 and 𐐷 are letters, 𝟘 is a digit, 😀 a symbol: by code points, three pieces.
        const string text = " 𝒜𐐷a𝟘1😀!";
        var lengths = new List<int>();
        for (var at = 0; at < text.Length; at += lengths[^1]) lengths.Add(Gpt2Scanner.NextLength(text.AsSpan(at)));
        Assert.Equal([6, 3, 3], lengths);
    }

    [SkippableFact]
    public void ShortAndLongPiecesAreMergedAlike()
    {
        // A long piece is what it is as a whole; the definition is to look through all pairs for each merge.
        var tokenizer = Tokenizer;
        var merges = File.ReadLines(SharedData.Require(Folder + "vocab.bpe")).Skip(1).Select((line, rank) => (line, rank)).ToDictionary(m => m.line, m => m.rank);
        var random = new DeterministicRandom(3);
        for (var i = 0; i < 200; i++)
        {
            var word = string.Concat(Enumerable.Range(0, random.Next(1, 90)).Select(_ => random.Pick(["a", "e", "t", "th", "in", "er", "ing", "z", "S"])));
            List<string> symbols = [.. word.Select(c => c.ToString())];
            while (true)
            {
                var best = Enumerable.Range(0, symbols.Count - 1).Select(at => (At: at, Rank: merges.GetValueOrDefault($"{symbols[at]} {symbols[at + 1]}", int.MaxValue))).DefaultIfEmpty((At: 0, Rank: int.MaxValue)).MinBy(p => p.Rank);
                if (best.Rank == int.MaxValue) break;
                symbols[best.At] += symbols[best.At + 1];
                symbols.RemoveAt(best.At + 1);
            }
            Assert.Equal(symbols, tokenizer.Encode(word).Select(id => tokenizer.Decode([id])));
        }
    }

    [SkippableFact]
    public void ALongWordDoesNotTakeQuadraticTime()
    {
        // A million letters: looking through all pairs for each merge would take 10^11 steps and not end within the test run.
        var text = string.Concat(Enumerable.Repeat("themountainsaid", 70_000));
        Assert.Equal(text, Tokenizer.Decode(Tokenizer.Encode(text)));
    }

    [Theory]
    [InlineData("""{"a":0,"b":1,"ab":2,"<|endoftext|>":3}""", "#version: 0.2\na b\n", null)]
    [InlineData("""{"a":0,"b":1,"ab":2}""", "", "encoder.json: '<|endoftext|>' is missing")]
    [InlineData("""{"a":0,"b":0,"<|endoftext|>":3}""", "", "encoder.json: 'b' has the id 0 of 'a'")]
    [InlineData("""{"a":0,"b":1,"<|endoftext|>":2}""", "#version: 0.2\na b\n", "vocab.bpe:2: 'ab', which")]
    [InlineData("""{"a":0,"b":1,"<|endoftext|>":2}""", "a b c", "vocab.bpe:1: expected two tokens, found 3")]
    [InlineData("""{"a":0,"b":"x"}""", "", "encoder.json: vocabulary['b']")]
    [InlineData("""[]""", "", "encoder.json: expected a JSON object")]
    public void TheFilesAreHeldAgainstEachOther(string encoder, string merges, string? wrong)
    {
        HuggingFaceTokenizer Parse() => Gpt2Files.Parse(Encoding.UTF8.GetBytes(encoder), Encoding.UTF8.GetBytes(merges), "encoder.json", "vocab.bpe");
        if (wrong is null) Assert.Equal([2, 0], Parse().Encode("aba"));
        else Assert.StartsWith(wrong, Assert.Throws<PbenchException>(Parse).Message);
    }
}
