using System.Text;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>What is not known, contradicts itself or is damaged.</summary>
public class RefusalTests
{
    [Theory]
    [InlineData("\"version\":\"1.0\"", "\"version\":\"2.0\"", "version: expected \"1.0\"")]
    [InlineData("\"version\":\"1.0\"", "\"version\":\"1.0\",\"more\":1", "unknown key 'more'")]
    [InlineData("\"dropout\":null", "\"dropout\":0.1", "model.dropout: expected null or 0")]
    [InlineData("\"type\":\"BPE\"", "\"type\":\"CharLevel\"", "model: type 'CharLevel' is not read; expected BPE, Unigram, WordLevel, WordPiece")]
    [InlineData("\"type\":\"BPE\"", "\"type\":\"WordLevel\"", "model: unknown key 'dropout'; expected type, unk_token, vocab")]
    [InlineData("\"fuse_unk\":true", "\"fuse_unk\":1", "model.fuse_unk: expected true or false")]
    [InlineData("\"fuse_unk\":true", "\"fuse_all\":true", "model: unknown key 'fuse_all'")]
    [InlineData("\"unk_token\":\"<unk>\"", "\"unk_token\":\"<u>\"", "model: unk_token: '<u>' is not in the vocabulary")]
    [InlineData("\"bc\":265", "\"bc\":264", "model.vocab: 'bc' has the id 264 of '▁ab'")]
    [InlineData("\"bc\":265", "\"bc\":65536", "'bc' has the id 65536 among 266 tokens; expected an id below 65536")]
    [InlineData("\"bc\":265", "\"bc\":2147483647", "'bc' has the id 2147483647 among 266 tokens")]
    [InlineData("\"bc\":265", "\"bc\":-1", "model.vocab['bc']: expected an id of at least 0, found -1")]
    [InlineData("\"bc\":265", "\"bc\":1e3", "model.vocab['bc']: expected an id of at least 0, found 1e3")]
    [InlineData("\"bc\":265", "\"ab\":265", "Duplicate")]
    [InlineData("\"b c\"", "\"a c\"", "model.merges[2]: 'ac', which 'a' and 'c' become, is not in the vocabulary")]
    [InlineData("\"b c\"", "\"b d\"", "model.merges[2]: 'd' is not in the vocabulary")]
    [InlineData("\"b c\"", "\"a b\"", "model.merges[2]: 'a' and 'b' are merged twice")]
    [InlineData("\"b c\"", "\"b  c\"", "model.merges[2]: expected two tokens, found 3")]
    [InlineData("\"b c\"", "[\"b\"]", "model.merges[2]: expected two tokens, found 1")]
    [InlineData("\"b c\"", "7", "model.merges[2]: expected a string")]
    [InlineData("\"id\":1,\"content\":\"<s>\"", "\"id\":5,\"content\":\"<s>\"", "added_tokens[1]: '<s>' has the id 1 in the model's vocabulary, found 5")]
    [InlineData("\"id\":1,\"content\":\"<s>\"", "\"id\":5,\"content\":\"<t>\"", "added_tokens[1]: '<t>' has the id 5 of '<0x02>'")]
    [InlineData("\"id\":1,\"content\":\"<s>\"", "\"id\":0,\"content\":\"<unk>\"", "added_tokens[1]: '<unk>' is added twice")]
    [InlineData("\"id\":1,\"content\":\"<s>\"", "\"id\":300000,\"content\":\"<t>\"", "'<t>' has the id 300000 among 267 tokens")]
    [InlineData("\"id\":1,\"content\":\"<s>\"", "\"id\":1,\"content\":\"\"", "added_tokens[1].content: a token cannot be empty")]
    [InlineData("\"id\":1,\"content\":\"<s>\"", "\"content\":\"<s>\"", "added_tokens[1]: id is missing")]
    [InlineData("\"type\":\"Prepend\"", "\"type\":\"Precompiled\"", "normalizer.normalizers[0]: precompiled_charsmap is missing")]
    [InlineData("\"type\":\"Prepend\",\"prepend\":\"▁\"", "\"type\":\"Precompiled\",\"precompiled_charsmap\":\"?\"", "normalizer.normalizers[0].precompiled_charsmap: expected base64")]
    [InlineData("\"type\":\"Prepend\",\"prepend\":\"▁\"", "\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"", "precompiled_charsmap: expected a table of at least 8 bytes, found 0")]
    [InlineData("\"type\":\"Prepend\",\"prepend\":\"▁\"", "\"type\":\"Precompiled\",\"precompiled_charsmap\":\"CAAAAAAAAAA=\"", "precompiled_charsmap: expected a tree in units of 4 bytes, 4 at most, found 8")]
    [InlineData("\"type\":\"Prepend\",\"prepend\":\"▁\"", "\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAAAAD/\"", "precompiled_charsmap: the replacements are not UTF-8")]
    [InlineData("\"prepend\":\"▁\"", "\"prepend\":\"▁\",\"x\":1", "normalizer.normalizers[0]: unknown key 'x'; expected prepend, type")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Glob\":\" \"}", "normalizer.normalizers[1].pattern: expected Regex or String")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"(\"}", "pattern.Regex: the regular expression is not supported")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"\\\\w+\"}", "pattern.Regex: the regular expression's '\\w' is not supported")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"[[:alpha:]]\"}", "'[:' (a class within a class or a set operation)")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"[a-z&&[^b]]\"}", "'&&' (a class within a class or a set operation)")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"[]a]\"}", "'[]' (a class that begins with its end)")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"a{,3}\"}", "'{,' is not supported")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"\\\\p{Han}\"}", "pattern.Regex: the regular expression is not supported")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"a++\"}", "pattern.Regex: the regular expression is not supported")]
    [InlineData("\"pattern\":{\"String\":\" \"}", "\"pattern\":{\"Regex\":\"(?m).\"}", "'(?m)' is not supported")]
    [InlineData("\"pre_tokenizer\":null", "\"pre_tokenizer\":{\"type\":\"UnicodeScript\"}", "pre_tokenizer: type 'UnicodeScript' is not read; expected BertPreTokenizer")]
    [InlineData("\"pre_tokenizer\":null", "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Cut\"}", "pre_tokenizer.behavior: behavior 'Cut' is not read")]
    [InlineData("\"pre_tokenizer\":null", "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"▁▁\"}", "pre_tokenizer.replacement: expected one character")]
    [InlineData("\"pre_tokenizer\":null", "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"last\"}", "prepend_scheme 'last' is not read")]
    [InlineData("\"pre_tokenizer\":null", "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"first\",\"add_prefix_space\":false}", "contradicts")]
    [InlineData("\"ids\":[1]", "\"ids\":[2]", "post_processor.special_tokens[\"<s>\"].ids[0]: '<s>' has the id 1 in the vocabulary, found 2")]
    [InlineData("\"ids\":[1]", "\"ids\":[1,1]", "expected as many ids as tokens")]
    [InlineData("\"SpecialToken\":{\"id\":\"<s>\"", "\"SpecialToken\":{\"id\":\"<t>\"", "post_processor.single[0].SpecialToken.id: '<t>' is not one of special_tokens")]
    [InlineData("\"Sequence\":{\"id\":\"A\"", "\"Sequence\":{\"id\":\"B\"", "expected the text A, once")]
    [InlineData("\"type\":\"ByteFallback\"", "\"type\":\"CTC\"", "decoder.decoders[1]: type 'CTC' is not read")]
    public void WhatIsWrongIsNamed(string old, string replacement, string expected)
    {
        Assert.Contains(old, TokenizerJson.Llama2);
        var error = Assert.Throws<PbenchException>(() => TokenizerJson.Load(ReplaceFirst(TokenizerJson.Llama2, old, replacement)));
        Assert.StartsWith("tokenizer.json: ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Theory]
    [InlineData("\"unk_id\":0", "\"unk_id\":7", "model.unk_id: expected an id of the vocabulary, 0 to 6, found 7")]
    [InlineData("\"unk_id\":0", "\"unk_id\":null", "model: unk_id is missing")]
    [InlineData("[\"ab\",-4]", "[\"a\",-4]", "model.vocab[4][0]: 'a' is also model.vocab[2]")]
    [InlineData("[\"ab\",-4]", "[\"\",-4]", "model.vocab[4][0]: a token cannot be empty")]
    [InlineData("[\"ab\",-4]", "[\"ab\",1e999]", "model.vocab[4][1]: expected a finite number")]
    [InlineData("[\"ab\",-4]", "[\"ab\"]", "model.vocab[4]: expected a token and its score")]
    [InlineData("[\"</s>\",8]", "[\"</s>\",9]", "post_processor.sep[1]: '</s>' has the id 8 in the vocabulary, found 9")]
    public void WhatIsWrongWithAUnigramIsNamed(string old, string replacement, string expected) =>
        Assert.Contains(expected, Assert.Throws<PbenchException>(() => TokenizerJson.Load(ReplaceFirst(TokenizerJson.Unigram(), old, replacement))).Message);

    [Fact]
    public void A_named_token_that_is_not_there_is_an_error() => Assert.Equal("tokenizer_config.json: bos_token: 'b' is not a token of tokenizer.json",
        Assert.Throws<PbenchException>(() => TokenizerJson.Load("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""", new SpecialTokenNames("b", null, "tokenizer_config.json"))).Message);

    [Fact]
    public void DamagedFilesAreReadOrRefused()
    {
        var seed = 20;
        foreach (var json in Samples())
            Assert.InRange(Mutations.Run(Encoding.UTF8.GetBytes(json), 15_000, seed++, allocationLimit: 1 << 22, Use), 8_000, 14_999);
    }

    /// <summary>Bytes that were damaged are mostly no JSON any more; here a value or a key stands where another one should.</summary>
    [Fact]
    public void FilesWithExchangedPartsAreReadOrRefused()
    {
        var random = new DeterministicRandom(30);
        var (read, refused) = (0, 0);
        foreach (var json in Samples())
        {
            string[] parts = [.. Regex.Matches(json, """ "(\\.|[^"\\])*"|[-0-9.e]+|true|false|null|\s+|. """.Trim()).Select(m => m.Value)];
            int[] values = [.. Enumerable.Range(0, parts.Length).Where(i => parts[i].Length > 1)];
            for (var i = 0; i < 15_000; i++)
            {
                var changed = (string[])parts.Clone();
                for (var n = random.Next(1, 4); n > 0; n--) changed[random.Pick(values)] = random.Chance(0.2) ? random.Pick(["-1", "0", "2147483647", "1e9", "\"\"", "[]", "{}", "null", "\" \"", "\"$\"", "\"()\"", "0.5", "99999999999999999999", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]", "{\"type\":\"Sequence\"}"]) : parts[random.Pick(values)];
                try
                {
                    Use(Encoding.UTF8.GetBytes(string.Concat(changed)));
                    read++;
                }
                catch (PbenchException e)
                {
                    Assert.StartsWith("tokenizer.json", e.Message);
                    refused++;
                }
            }
        }
        Assert.True(read > 1000 && refused > 10_000, $"{read} read, {refused} refused");
    }

    private static void Use(byte[] bytes)
    {
        var tokenizer = HuggingFaceTokenizer.Parse(bytes, "tokenizer.json", SpecialTokenNames.Unknown);
        tokenizer.Decode(tokenizer.Encode(" ab abc <s> Hé 12 😀\n"));
        tokenizer.Decode(tokenizer.EncodeContinuation("ab"), keepSpecial: true);
    }

    private static string[] Samples() =>
    [
        TokenizerJson.Bpe("\"a\":2,\"b\":3,\"ab\":4,\"Ġ\":5,\"Ġab\":6", "\"a b\",[\"Ġ\",\"ab\"]", "\"dropout\":null,\"unk_token\":null,\"ignore_merges\":true,\"byte_fallback\":false,",
            rest: """ "normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},{"type":"Strip","strip_left":true,"strip_right":false}]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}| ?\\p{L}+|\\s+(?!\\S)"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]},"decoder":{"type":"ByteLevel","add_prefix_space":true},"""),
        TokenizerJson.Unigram(true),
        TokenizerJson.WordPiece,
        TokenizerJson.WordLevel,
        TokenizerJson.T5,
        Regex.Replace(TokenizerJson.Mistral("first"), "\"<0x[0-9A-F]{2}>\":\\d+,", "").Replace("259", "3").Replace("260", "4").Replace("261", "5").Replace("262", "6").Replace("263", "7").Replace("264", "8").Replace("265", "9"),
    ];

    private static string ReplaceFirst(string text, string old, string replacement)
    {
        var at = text.IndexOf(old, StringComparison.Ordinal);
        return text[..at] + replacement + text[(at + old.Length)..];
    }
}
