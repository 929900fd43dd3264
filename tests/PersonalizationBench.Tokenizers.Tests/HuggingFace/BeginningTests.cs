using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Tests.HuggingFace;

/// <summary>What stands before a text is what transformers 5 puts there: by the file's post-processor, unless <c>tokenizer_config.json</c> says.</summary>
public class BeginningTests
{
    [Theory]
    [InlineData("{}", new[] { 1 }, new int[0])]
    [InlineData("""{"bos_token":"<s>","eos_token":"</s>"}""", new[] { 1 }, new int[0])]
    [InlineData("""{"bos_token":"<s>","add_bos_token":true}""", new[] { 1 }, new int[0])]
    [InlineData("""{"bos_token":"</s>","add_bos_token":true}""", new[] { 2 }, new int[0])]
    [InlineData("""{"bos_token":"<s>","add_bos_token":false}""", new int[0], new int[0])]
    [InlineData("""{"bos_token":"<s>","eos_token":"</s>","add_eos_token":true}""", new int[0], new[] { 2 })] // the one key is enough to take the file's place
    [InlineData("""{"bos_token":"<s>","eos_token":"</s>","add_eos_token":false}""", new int[0], new int[0])]
    [InlineData("""{"bos_token":"<s>","eos_token":"</s>","add_bos_token":true,"add_eos_token":true}""", new[] { 1 }, new[] { 2 })]
    [InlineData("""{"add_bos_token":true}""", new int[0], new int[0])] // there is none to put
    public void The_config_goes_before_the_post_processor(string config, int[] before, int[] after)
    {
        var tokenizer = TokenizerJson.Load(TokenizerJson.Llama2, SpecialTokenNames.Parse(Encoding.UTF8.GetBytes(config), "tokenizer_config.json"));
        Assert.Equal(before, tokenizer.Beginning);
        Assert.Equal(after, tokenizer.Ending);
        Assert.Equal([.. before, .. tokenizer.Encode("ab"), .. after], tokenizer.EncodeWhole("ab").Ids);
    }

    [Fact]
    public void Nothing_stands_before_a_text_where_the_files_put_nothing_there()
    {
        var tokenizer = TokenizerJson.Load("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""");
        Assert.Equal(((int?)null, (int?)null), (tokenizer.BeginOfText, tokenizer.EndOfText));
        Assert.Empty(tokenizer.Beginning);
        Assert.Empty(tokenizer.Ends());
        Assert.Equal([0, 0], tokenizer.Begun(tokenizer.Encode("aa")));
        Assert.Contains("an empty text cannot be gone on from", Assert.Throws<PbenchException>(() => tokenizer.Begun([])).Message);
    }

    [Fact]
    public void An_empty_text_begins_with_the_token_that_would_begin_one()
    {
        var named = TokenizerJson.Load(TokenizerJson.Bpe("\"a\":2", ""));
        Assert.Empty(named.Beginning);
        Assert.Equal([0], named.Begun([]));
        Assert.Equal([2], named.Begun([2]));
        Assert.Equal([1], TokenizerJson.Load(TokenizerJson.Bpe("\"a\":2", "", added: """{"id":1,"content":"</s>","special":true}""")).Begun([]));
    }

    /// <summary>Left by a training run: a text is encoded as a whole.</summary>
    [Theory]
    [InlineData("\"truncation\":{\"max_length\":2,\"strategy\":\"LongestFirst\",\"stride\":0,\"direction\":\"Right\"},\"padding\":null")]
    [InlineData("\"truncation\":null,\"padding\":{\"strategy\":{\"Fixed\":9},\"direction\":\"Left\",\"pad_to_multiple_of\":null,\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"<unk>\"}")]
    public void Truncation_and_padding_in_the_file_change_nothing(string state)
    {
        var plain = TokenizerJson.Load(TokenizerJson.Llama2);
        var left = TokenizerJson.Load(TokenizerJson.Llama2.Replace("\"truncation\":null,\"padding\":null", state));
        foreach (var text in new[] { "", "a", "abc abc abc abc" }) Assert.Equal(plain.EncodeWhole(text).Ids, left.EncodeWhole(text).Ids);
    }

    [SkippableFact]
    public void A_published_file_with_truncation_gives_the_ids_of_the_plain_one()
    {
        HuggingFaceTokenizer Load(string name) => (HuggingFaceTokenizer)TokenizerFile.Load(SharedData.Require($"refs/bug-cases/tokenizers/{name}"));
        var text = string.Concat(Enumerable.Repeat("The cat sat on the mat. ", 100));
        Assert.Equal(Load("plain.json").Encode(text), Load("truncation.json").Encode(text));
        Assert.True(Load("truncation.json").Encode(text).Length > 512);
    }
}
