using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.Gguf;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.Gguf;

/// <summary>A tokenizer made of metadata, without a file.</summary>
public class GgufTokenizerTests
{
    private static readonly GgufVocabulary Small = new("gpt2", "smollm", ["<|end|>", "a", "b", "ab", "1", "2", "12", "Ġ", "<x>"], [3, 1, 1, 1, 1, 1, 1, 1, 4], ["a b", "1 2"]);

    /// <summary>SmolLM2's vocabulary and merges, as its GGUF has them too; ids by Hugging Face's library and llama.cpp alike.</summary>
    [SkippableFact]
    public void SmolLM2s_ids_and_texts_are_those_of_the_references()
    {
        var tokenizer = SmolLM2();
        Assert.Equal((49152, (int?)1, (int?)2), (tokenizer.VocabularySize, tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Empty(tokenizer.Beginning);
        var lines = File.ReadAllLines(SharedData.Require("refs/smollm2/tokens.jsonl"));
        Assert.True(lines.Length >= 276, $"{lines.Length} texts");
        foreach (var line in lines)
        {
            using var expected = JsonDocument.Parse(line);
            int[] Ids(string key) => [.. expected.RootElement.GetProperty(key).EnumerateArray().Select(v => v.GetInt32())];
            var text = expected.RootElement.GetProperty("text").GetString()!;
            Assert.Equal(Ids("ids"), tokenizer.EncodePlain(text));
            Assert.Equal(Ids("ids_special"), tokenizer.Encode(text));
            Assert.Equal(expected.RootElement.GetProperty("decoded_special").GetString(), tokenizer.Decode(Ids("ids_special"), keepSpecial: true));
        }
    }

    [Theory]
    [InlineData("smollm", "ab12", new[] { 3, 4, 5 })]
    [InlineData("gpt-2", "ab12", new[] { 3, 6 })]
    [InlineData("llama-bpe", "ab12", new[] { 3, 6 })]
    [InlineData("qwen2", "ab12", new[] { 3, 4, 5 })]
    [InlineData("smollm", "a<x>b<|end|>", new[] { 1, 8, 2, 0 })]
    public void The_named_pre_tokenizer_splits(string name, string text, int[] expected) => Assert.Equal(expected, GgufTokenizer.Create(Small with { PreTokenizer = name }, "x.gguf").Encode(text));

    [Fact]
    public void Special_tokens_are_text_where_they_are_to_be()
    {
        var tokenizer = GgufTokenizer.Create(Small, "x.gguf");
        Assert.Equal([1, 8, 2], tokenizer.EncodePlain("a<x>b<|end|>"));
        Assert.Equal("ab", tokenizer.Decode([0, 1, 2]));
        Assert.Equal("<|end|>ab", tokenizer.Decode([0, 1, 2], keepSpecial: true));
    }

    [Theory]
    [InlineData("smollm", null, false)]
    [InlineData("smollm", true, true)]
    [InlineData("llama-bpe", null, true)]
    [InlineData("llama-bpe", false, false)]
    public void The_begin_token_is_put_where_the_file_says_so_or_the_pre_tokenizer_implies_it(string name, bool? adds, bool isPut) =>
        Assert.Equal(isPut ? [0] : [], GgufTokenizer.Create(Small with { PreTokenizer = name, BeginId = 0, AddsBegin = adds }, "x.gguf").Beginning);

    [Fact]
    public void What_is_not_known_or_does_not_fit_is_named()
    {
        Assert.Equal("x.gguf: tokenizer.ggml.model: 'llama' is not read; expected 'gpt2'", Error(Small with { Model = "llama" }));
        Assert.Equal("x.gguf: tokenizer.ggml.pre: 'deepseek-llm' is not read; expected one of gpt-2, smollm, llama-bpe, qwen2", Error(Small with { PreTokenizer = "deepseek-llm" }));
        Assert.Equal("x.gguf: tokenizer.ggml.token_type: expected 9 types, one for each token, found 1", Error(Small with { TokenTypes = [1] }));
        Assert.Equal("x.gguf: tokenizer.ggml.token_type[1]: expected 1 to 6, found 7", Error(Small with { TokenTypes = [3, 7, 1, 1, 1, 1, 1, 1, 4] }));
        Assert.Equal("x.gguf: tokenizer.ggml.tokens[2]: 'a' is also tokens[1]", Error(Small with { Tokens = ["<|end|>", "a", "a", "ab", "1", "2", "12", "Ġ", "<x>"] }));
        Assert.Equal("x.gguf: tokenizer.ggml.merges[1]: expected two tokens, found '1'", Error(Small with { Merges = ["a b", "1"] }));
        Assert.Equal("x.gguf: tokenizer.ggml.merges[0]: 'ba', which 'b' and 'a' become, is not in the vocabulary", Error(Small with { Merges = ["b a"] }));
        Assert.Equal("x.gguf: tokenizer.ggml.bos_token_id: expected an id of the vocabulary, 0 to 8, found 9", Error(Small with { BeginId = 9 }));
    }

    private static string Error(GgufVocabulary metadata) => Assert.Throws<PbenchException>(() => GgufTokenizer.Create(metadata, "x.gguf")).Message;

    private static HuggingFaceTokenizer SmolLM2()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("weights/smollm2/tokenizer.json")));
        var model = json.RootElement.GetProperty("model");
        var tokens = new string[model.GetProperty("vocab").EnumerateObject().Count()];
        foreach (var token in model.GetProperty("vocab").EnumerateObject()) tokens[token.Value.GetInt32()] = token.Name;
        var types = Enumerable.Repeat(1, tokens.Length).ToArray();
        foreach (var added in json.RootElement.GetProperty("added_tokens").EnumerateArray()) types[added.GetProperty("id").GetInt32()] = 3;
        var merges = model.GetProperty("merges").EnumerateArray().Select(m => m.ValueKind == JsonValueKind.String ? m.GetString()! : $"{m[0].GetString()} {m[1].GetString()}");
        return GgufTokenizer.Create(new GgufVocabulary("gpt2", "smollm", tokens, types, [.. merges]) { BeginId = 1, EndId = 2, AddsBegin = false }, "smollm2");
    }
}
