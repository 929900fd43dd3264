using System.Text;
using System.Text.Json;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>Tokenizers of every kind with what Hugging Face's library (tokenizers 0.23.3) makes of 150 texts each: all of it, to the last number.</summary>
public class ReferenceTests
{
    private const string Folder = "refs/tokenizers/";

    /// <summary>Those that are read here, which are all; the list of what is compatible is made of this file too.</summary>
    private static readonly string[] Names = ReadNames();

    public static TheoryData<string> Kinds => [.. Names];

    [SkippableFact]
    public void Every_kind_of_the_references_is_tested()
    {
        using var index = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require(Folder + "index.json")));
        Assert.Equal(index.RootElement.GetProperty("cases").EnumerateObject().Select(p => p.Name).Order(), Names.Order());
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Ids_offsets_and_decoded_texts_are_those_of_the_library(string kind)
    {
        var tokenizer = Load(kind);
        foreach (var expected in Cases(kind, "cases"))
        {
            var text = expected.GetProperty("text").GetString()!;
            var found = tokenizer.EncodeWhole(text);
            Assert.Equal(Ints(expected, "ids"), found.Ids);
            Assert.Equal([.. found.Ids], (int[])[.. tokenizer.Beginning, .. tokenizer.Encode(text), .. tokenizer.Ending]);
            var offsets = found.Offsets.SelectMany(o => new[] { CodePoints(text, o.Start), CodePoints(text, o.End) });
            Assert.True(Ints(expected, "offsets").SequenceEqual(offsets), $"offsets of {JsonSerializer.Serialize(text)}: expected {expected.GetProperty("offsets")}, found {string.Join(',', offsets)}");
            var decoded = expected.TryGetProperty("decoded", out var other) ? other.GetString()! : text;
            Assert.Equal(decoded, tokenizer.Decode([.. found.Ids]));
            Assert.Equal(expected.TryGetProperty("decoded_with_special", out other) ? other.GetString() : decoded, tokenizer.Decode([.. found.Ids], keepSpecial: true));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Without_special_tokens_the_ids_are_those_of_the_library(string kind)
    {
        var tokenizer = Load(kind);
        foreach (var expected in Cases(kind, "without_special_tokens")) Assert.Equal(Ints(expected, "ids"), tokenizer.Encode(expected.GetProperty("text").GetString()!));
    }

    [SkippableTheory]
    [InlineData("bert_wordpiece")]
    [InlineData("bytelevel_prefix_space")]
    [InlineData("llama2_bpe")]
    [InlineData("llama3_split")]
    [InlineData("unigram_metaspace")]
    public void Two_texts_are_put_together_as_by_the_library(string kind)
    {
        var tokenizer = Load(kind);
        foreach (var expected in Cases(kind, "pairs"))
        {
            var found = tokenizer.EncodeWhole(expected.GetProperty("a").GetString()!, expected.GetProperty("b").GetString());
            Assert.Equal(Ints(expected, "ids"), found.Ids);
            Assert.Equal(Ints(expected, "type_ids"), found.TypeIds);
            Assert.Equal(Ints(expected, "special_tokens_mask"), found.IsSpecial.Select(s => s ? 1 : 0));
        }
    }

    private static string[] ReadNames()
    {
        using var list = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "References", "tokenizers.json")));
        return [.. list.RootElement.GetProperty("held").EnumerateArray().Select(n => n.GetString()!)];
    }

    private static HuggingFaceTokenizer Load(string kind)
    {
        SharedData.Require($"{Folder}{kind}/cases.json");
        if (kind == "gpt2") return Gpt2Files.Load(SharedData.Require("tokenizers/gpt2/encoder.json"), SharedData.Require("tokenizers/gpt2/vocab.bpe"));
        var path = SharedData.Require(kind == "pythia" ? "tokenizers/pythia/20B_tokenizer.json" : $"{Folder}{kind}/tokenizer.json");
        return HuggingFaceTokenizer.Parse(File.ReadAllBytes(path), path, SpecialTokenNames.Unknown);
    }

    private static IEnumerable<JsonElement> Cases(string kind, string list)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require($"{Folder}{kind}/cases.json")));
        JsonElement[] cases = [.. document.RootElement.GetProperty(list).EnumerateArray().Select(c => c.Clone())];
        Assert.NotEmpty(cases);
        return cases;
    }

    private static int[] Ints(JsonElement of, string key) => [.. of.GetProperty(key).EnumerateArray().Select(v => v.GetInt32())];

    private static int CodePoints(string text, int units)
    {
        var count = 0;
        foreach (var _ in text.AsSpan(0, units).EnumerateRunes()) count++;
        return count;
    }
}
