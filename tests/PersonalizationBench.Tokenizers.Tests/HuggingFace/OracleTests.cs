using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>Hugging Face's own library, as Tokenizers.DotNet brings it, on random texts of a nasty kind through real and made files.</summary>
public class OracleTests
{
    /// <summary>Pieces that tokenizers stumble over: contractions, runs of spaces and digits, marks, joiners, byte tokens spelt out, special tokens.</summary>
    private static readonly string[] Nasty =
    [
        " ", "  ", "   ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "'s", "'S", "'re", "'LL", "don't", "’s", "123", "1234567", "1,000.5", "٣٤", "½", "Ⅷ", "²", "e\u0301", "é", "\u0301", "ﬁ", "ſ", "ß", "İ",
        "ΑΣ", "日本語", "テキスト", "ー", "한국어", "한", "مرحبا", "שלום", "नमस्ते", "👩‍👩‍👧", "🇩🇪", "👍🏽", "\u200b", "\u200d", "\ufeff", "\0", "\u0001", "�", "▁", "<0x41>", "##ing", "</w>", "Ġ", "<s>", "</s>", "<unk>", "[CLS]", "[SEP]",
        "<|endoftext|>", "<|im_start|>", "<bos>", "hello", "HELLO", " the ", "FOO", "Bar", "zzz", "qqq", "<L>", "<R>", "<B>", "<W>", "the", "The", "cat", "running", "_", "__init__", "a_b", "http://x.y/?z=1&w", "!!!", "...", "—", "“q”", "𝒜𝓫", "𐐀𐐨", "𝟘", "🙂",
    ];

    /// <summary>What Unicode 9.0 added (DerivedAge.txt).</summary>
    private static readonly (int First, int Last)[] NewIn9 =
    [
        (0x8B6, 0x8BD), (0x8D4, 0x8E2), (0xC80, 0xC80), (0xD4F, 0xD4F), (0xD54, 0xD56), (0xD58, 0xD5E), (0xD76, 0xD78), (0x1C80, 0x1C88), (0x1DFB, 0x1DFB), (0x23FB, 0x23FE), (0x2E43, 0x2E44), (0xA7AE, 0xA7AE),
        (0xA8C5, 0xA8C5), (0x1018D, 0x1018E), (0x104B0, 0x104D3), (0x104D8, 0x104FB), (0x1123E, 0x1123E), (0x11400, 0x1145D), (0x11660, 0x1166C), (0x11C00, 0x11CB6), (0x16FE0, 0x18AF2), (0x1E000, 0x1E02A),
        (0x1E900, 0x1E95F), (0x1F19B, 0x1F1AC), (0x1F23B, 0x1F23B), (0x1F57A, 0x1F57A), (0x1F5A4, 0x1F5A4), (0x1F6D1, 0x1F6D2), (0x1F6F4, 0x1F6F6), (0x1F919, 0x1F927), (0x1F930, 0x1F95E), (0x1F985, 0x1F991),
    ];

    public static TheoryData<string> Files =>
    [
        "tokenizers/pythia/20B_tokenizer.json", "weights/smollm2/tokenizer.json", "refs/bug-cases/tokenizers/plain.json",
        "refs/tokenizers/added_tokens/tokenizer.json", "refs/tokenizers/added_tokens_llama2/tokenizer.json", "refs/tokenizers/bert_wordpiece/tokenizer.json", "refs/tokenizers/bert_wordpiece_cased/tokenizer.json",
        "refs/tokenizers/bpe_continuing_prefix/tokenizer.json", "refs/tokenizers/bytelevel_digits/tokenizer.json", "refs/tokenizers/bytelevel_prefix_space/tokenizer.json", "refs/tokenizers/clip_end_of_word/tokenizer.json",
        "refs/tokenizers/gemma_bpe/tokenizer.json", "refs/tokenizers/llama2_bpe/tokenizer.json", "refs/tokenizers/llama3_split/tokenizer.json", "refs/tokenizers/o200k_split/tokenizer.json",
        "refs/tokenizers/precompiled_unigram/tokenizer.json", "refs/tokenizers/qwen2_split/tokenizer.json", "refs/tokenizers/unigram_byte_fallback/tokenizer.json", "refs/tokenizers/unigram_metaspace/tokenizer.json",
        "refs/tokenizers/wordlevel_merged_with_next/tokenizer.json", "refs/tokenizers/wordlevel_punctuation_contiguous/tokenizer.json", "refs/tokenizers/wordlevel_split_inverted/tokenizer.json",
        "refs/tokenizers/wordlevel_split_removed/tokenizer.json", "refs/tokenizers/wordlevel_unicode_scripts/tokenizer.json", "refs/tokenizers/wordlevel_whitespace/tokenizer.json",
    ];

    [SkippableTheory]
    [MemberData(nameof(Files))]
    public void Random_texts_get_the_ids_of_the_library(string file)
    {
        var path = SharedData.Require(file);
        var tokenizer = HuggingFaceTokenizer.Parse(File.ReadAllBytes(path), path, SpecialTokenNames.Unknown);
        using var library = new global::Tokenizers.DotNet.Tokenizer(path);
        var random = new DeterministicRandom(41);
        for (var i = 0; i < 1500; i++)
        {
            var text = NastyText(random);
            var (expected, found) = (library.Encode(text).Select(id => (int)id).ToArray(), tokenizer.EncodeWhole(text).Ids);
            Assert.True(expected.SequenceEqual(found), $"{Escaped(text)}: expected {string.Join(',', expected)}, found {string.Join(',', found)}");
        }
    }

    /// <summary>Where the library differs since its tables are older than Unicode is: for punctuation and marks they are those of Unicode 8.0, for
    /// normalization of 13.0. Here .NET's tables count.</summary>
    [SkippableTheory]
    [InlineData("bert_wordpiece", "a\u2E44b")] // punctuation since 9.0
    [InlineData("wordlevel_punctuation_contiguous", "a\u2E44b")]
    [InlineData("clip_end_of_word", "a\u1B4Fb")] // punctuation since 16.0
    [InlineData("bpe_continuing_prefix", "a\u0D81b")] // a mark since 13.0
    [InlineData("unigram_byte_fallback", "a\U00010793b")] // has a compatible form since 14.0
    public void Characters_newer_than_the_librarys_tables_are_what_they_are_now(string kind, string text)
    {
        var path = SharedData.Require($"refs/tokenizers/{kind}/tokenizer.json");
        using var library = new global::Tokenizers.DotNet.Tokenizer(path);
        Assert.NotEqual(library.Encode(text).Select(id => (int)id), HuggingFaceTokenizer.Parse(File.ReadAllBytes(path), path, SpecialTokenNames.Unknown).EncodeWhole(text).Ids);
    }

    private static string NastyText(DeterministicRandom random)
    {
        var text = new StringBuilder();
        for (var n = random.Next(1, 16); n > 0; n--)
        {
            if (random.Chance(0.7)) text.Append(random.Pick(Nasty));
            else text.Append(OldRune(random));
        }
        return text.ToString();
    }

    /// <summary>A character of Unicode 8.0, which all of the library's tables know.</summary>
    private static Rune OldRune(DeterministicRandom random)
    {
        while (true)
        {
            var code = random.Next(random.Pick([0x100, 0x3000, 0x10000, 0x20000]));
            if (Rune.IsValid(code) && UnicodeScripts.Of(new Rune(code)) != 0 && !NewIn9.Any(r => code >= r.First && code <= r.Last)) return new Rune(code);
        }
    }

    private static string Escaped(string text) => string.Concat(text.Select(c => c is > ' ' and < '\x7F' ? c.ToString() : $"\\u{(int)c:x4}"));
}
