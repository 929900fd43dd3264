using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>The expected ids are derived by hand from each model's definition.</summary>
public class HuggingFaceTokenizerTests
{
    [Theory]
    [InlineData("", new int[0])]
    [InlineData("ab", new[] { 264 })] // ▁ab: a b is learnt first, then ▁ ab
    [InlineData("abc ab", new[] { 264, 262, 264 })] // b c is learnt last: ab takes the b
    [InlineData("bc", new[] { 259, 265 })]
    [InlineData("aé", new[] { 259, 260, 3 + 0xC3, 3 + 0xA9 })] // é is spelt in its bytes
    [InlineData("\n", new[] { 259, 13 })]
    [InlineData("<s>ab", new[] { 1, 264 })] // the normalizer sees the stretch after the token by itself
    public void Llama2PutsASpaceBeforeAndFallsBackToBytes(string text, int[] expected)
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.Llama2);
        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(text.Replace("<s>", ""), tokenizer.Decode([.. tokenizer.Beginning, .. expected]));
    }

    [Fact]
    public void AContinuationHasNoSpaceBefore()
    {
        foreach (var json in new[] { TokenizerJson.Llama2, TokenizerJson.Mistral("first"), TokenizerJson.Mistral("always"), TokenizerJson.Mistral("never") })
        {
            Assert.Equal([263], TokenizerJson.Load(json).EncodeContinuation("ab"));
            Assert.Equal([264], TokenizerJson.Load(json).EncodeContinuation(" ab"));
        }
    }

    [Theory]
    [InlineData("first", new[] { 264, 1, 263 })]
    [InlineData("always", new[] { 264, 1, 264 })]
    [InlineData("never", new[] { 263, 1, 263 })]
    public void MetaspacePrependsBySchemeAndStretch(string scheme, int[] expected) => Assert.Equal(expected, TokenizerJson.Load(TokenizerJson.Mistral(scheme)).Encode("ab<s>ab"));

    [Theory]
    [InlineData("ab", false, new[] { 1, 4 })] // ▁ ab: -2 - 4 = -6; ▁a b: -6.5; ▁ a b: -7
    [InlineData("aa", false, new[] { 5, 2 })] // ▁a a: -5.5; ▁ a a: -6
    [InlineData("ａｂ", false, new[] { 1, 4 })] // NFKC: the wide letters are the usual ones
    [InlineData("xyxa", false, new[] { 1, 0, 2 })] // three unknown characters in a row are one
    [InlineData("x", true, new[] { 1, 6 })]
    [InlineData("xy", true, new[] { 1, 0 })] // y has no byte token, so both are unknown
    [InlineData("a b", false, new[] { 5, 1, 3 })]
    public void UnigramTakesTheBestSum(string text, bool byteFallback, int[] expected)
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.Unigram(byteFallback));
        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(((int?)7, (int?)8), (tokenizer.BeginOfText, tokenizer.EndOfText));
    }

    [Theory]
    [InlineData("Unaffable runs!", new[] { 3, 4, 5, 6, 7 }, "unaffable runs!")]
    [InlineData("ünaffa", new[] { 3, 4, 8 }, "unaffa")] // accents are stripped
    [InlineData("unaffablez", new[] { 0 }, "")] // what does not work out is one unknown
    [InlineData("unaffableaa", new[] { 0 }, "")] // 11 characters, one more than allowed
    [InlineData("中runs\u0000", new[] { 0, 6 }, "runs")] // Chinese characters stand alone
    [InlineData("u", new[] { 9 }, "u")]
    public void WordPieceTakesTheLongestTokenFirst(string text, int[] expected, string decoded)
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.WordPiece);
        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(decoded, tokenizer.Decode(expected));
        Assert.Equal([1], tokenizer.Beginning);
        Assert.Equal([2], tokenizer.Ending);
        Assert.Equal(((int?)1, (int?)2), (tokenizer.BeginOfText, tokenizer.EndOfText));
    }

    [Theory]
    [InlineData("ﬁn\tﬁ", new[] { 3, 8, 6 }, "fin fi")] // ▁ fin: -6.5; ▁fi n: -7
    [InlineData("  fin fi\n", new[] { 3, 8, 6 }, "fin fi")]
    [InlineData("x<extra_id_0>fi", new[] { 3, 2, 99, 6 }, " fi")]
    public void T5sFilesAreRead(string text, int[] expected, string decoded)
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.T5);
        Assert.Equal(expected, tokenizer.Encode(text));
        Assert.Equal(decoded, tokenizer.Decode(expected));
        Assert.Equal((100, (int?)0, (int?)1), (tokenizer.VocabularySize, tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Equal([1], tokenizer.Ending);
    }

    [Fact]
    public void WordLevelTakesWholeWordsAndIdsMayHaveGaps()
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.WordLevel);
        Assert.Equal([1, 2, 5, 0, 9], tokenizer.Encode("the cat! dog[SEP]"));
        Assert.Equal((10, (int?)7, (int?)9), (tokenizer.VocabularySize, tokenizer.BeginOfText, tokenizer.EndOfText));
        // What no token has is nothing.
        Assert.Equal("the cat", tokenizer.Decode([1, 3, 4, 6, 8, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([10]));
        Assert.Contains("model: unk_token: '<unk>' is not in the vocabulary", Assert.Throws<PbenchException>(() => TokenizerJson.Load(TokenizerJson.WordLevel.Replace(",\"unk_token\":\"[UNK]\"", ""))).Message);
    }

    [Theory]
    [InlineData("", "abc", new[] { 5, 4 })]
    [InlineData("\"ignore_merges\":true,", "abc", new[] { 6 })] // a piece that is a token is that token
    [InlineData("\"ignore_merges\":true,", "abca", new[] { 5, 4, 2 })]
    [InlineData("\"dropout\":0.0,", "ab", new[] { 5 })]
    [InlineData("", "xxa", new[] { 2 })] // no unknown token: left out
    [InlineData("\"unk_token\":\"<s>\",", "xxa", new[] { 0, 0, 2 })]
    [InlineData("\"unk_token\":\"<s>\",\"fuse_unk\":true,", "xxax", new[] { 0, 2, 0 })]
    public void BpeHasOptions(string options, string text, int[] expected) =>
        Assert.Equal(expected, TokenizerJson.Load(TokenizerJson.Bpe("\"a\":2,\"b\":3,\"c\":4,\"ab\":5,\"abc\":6", "\"a b\"", options)).Encode(text));

    [Fact]
    public void TheOldestFilesGiveTheirModelNoType()
    {
        foreach (var json in new[] { TokenizerJson.Llama2, TokenizerJson.Unigram(), TokenizerJson.WordPiece, TokenizerJson.WordLevel })
        {
            var untyped = json.Replace("\"type\":\"BPE\",", "").Replace("\"type\":\"Unigram\",", "").Replace("\"type\":\"WordLevel\",", "").Replace("\"type\":\"WordPiece\",\"unk", "\"unk");
            Assert.NotEqual(json, untyped);
            Assert.Equal(TokenizerJson.Load(json).Encode("unaff ab"), TokenizerJson.Load(untyped).Encode("unaff ab"));
        }
    }

    [Fact]
    public void BpeMarksTheInsideOrTheEndOfWords()
    {
        var inside = TokenizerJson.Load(TokenizerJson.Bpe("\"a\":2,\"##b\":3,\"ab\":4,\"b\":5", "[\"a\",\"##b\"]", "\"continuing_subword_prefix\":\"##\","));
        Assert.Equal([4], inside.Encode("ab"));
        Assert.Equal([5, 3], inside.Encode("bb"));
        var end = TokenizerJson.Load(TokenizerJson.Bpe("\"a\":2,\"b</w>\":3,\"ab</w>\":4,\"a</w>\":5", "\"a b</w>\"", "\"end_of_word_suffix\":\"</w>\",",
            rest: """ "pre_tokenizer":{"type":"WhitespaceSplit"},"decoder":{"type":"BPEDecoder","suffix":"</w>"},"""));
        Assert.Equal([4, 2, 5], end.Encode("ab aa"));
        Assert.Equal("ab aa", end.Decode([4, 2, 5]));
    }

    [Theory]
    [InlineData("\"lstrip\":true", "a  <x> b", new[] { 2, 4, 5, 3 })]
    [InlineData("\"rstrip\":true", "a <x>  b", new[] { 2, 5, 4, 3 })]
    [InlineData("\"single_word\":true", "a<x>b", new[] { 2, 3 })] // < and > are no tokens here, and left out
    [InlineData("\"single_word\":true", "a <x> b", new[] { 2, 5, 4, 5, 3 })]
    [InlineData("\"normalized\":true", "a<X>b", new[] { 2, 4, 3 })] // found after lower-casing
    [InlineData("\"normalized\":false", "a<X>b", new[] { 2, 3 })]
    public void AddedTokensTakeSpaceAlongOrAreWordsOrAreNormalized(string flag, string text, int[] expected)
    {
        var added = $$"""{"id":0,"content":"<s>","special":true},{"id":1,"content":"</s>","special":true},{"id":4,"content":"<x>",{{flag}}}""";
        Assert.Equal(expected, TokenizerJson.Load(TokenizerJson.Bpe("\"a\":2,\"b\":3,\" \":5", "", added: added, rest: """ "normalizer":{"type":"Lowercase"},""")).Encode(text));
    }

    [Fact]
    public void TheLongestOfTheLeftmostAddedTokensIsTaken()
    {
        const string added = """{"id":0,"content":"<s>","special":true},{"id":1,"content":"</s>","special":true},{"id":2,"content":"aa"},{"id":3,"content":"aaa"},{"id":4,"content":"ab"}""";
        var tokenizer = TokenizerJson.Load(TokenizerJson.Bpe("\"a\":5,\"b\":6", "", added: added));
        Assert.Equal([3, 4], tokenizer.Encode("aaaab"));
        Assert.Equal([3, 2, 6], tokenizer.Encode("aaaaab"));
    }

    [Fact]
    public void TheConfigBesideNamesTheTokensThatBeginAndEnd()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), TokenizerJson.Bpe("\"<b>\":2,\"<e>\":3", ""));
        var plain = Assert.IsType<HuggingFaceTokenizer>(TokenizerFile.Load(folder.File("tokenizer.json")));
        Assert.Equal(((int?)0, (int?)1), (plain.BeginOfText, plain.EndOfText));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":"<b>","eos_token":{"__type":"AddedToken","content":"<e>","lstrip":false},"model_max_length":8}""");
        var named = TokenizerFile.Load(folder.File("tokenizer.json"));
        Assert.Equal(((int?)2, (int?)3), (named.BeginOfText, named.EndOfText));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":"<begin>"}""");
        Assert.Contains("tokenizer_config.json: bos_token: '<begin>' is not a token", Assert.Throws<PbenchException>(() => TokenizerFile.Load(folder.File("tokenizer.json"))).Message);
    }

    [Fact]
    public void ManyThreadsGetTheSameIds()
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.Llama2);
        var random = new DeterministicRandom(5);
        string[] texts = [.. Enumerable.Range(0, 500).Select(_ => RandomText.Next(random, 20))];
        int[][] expected = [.. texts.Select(t => TokenizerJson.Load(TokenizerJson.Llama2).Encode(t))];
        Parallel.For(0, 4, _ =>
        {
            for (var i = 0; i < texts.Length; i++) Assert.Equal(expected[i], tokenizer.Encode(texts[i]));
        });
    }

    [Fact]
    public void ALongTextIsLinearForEveryModel()
    {
        // A million characters that are one piece; quadratic work would not end within the test run.
        var text = string.Concat(Enumerable.Repeat("abcx", 250_000));
        foreach (var json in new[] { TokenizerJson.Llama2, TokenizerJson.Mistral("first"), TokenizerJson.Unigram(), TokenizerJson.WordPiece })
            Assert.NotEmpty(TokenizerJson.Load(json).Encode(text));
        var tokenizer = TokenizerJson.Load(TokenizerJson.Llama2);
        Assert.Equal(text, tokenizer.Decode([1, .. tokenizer.Encode(text)]));
    }
}
