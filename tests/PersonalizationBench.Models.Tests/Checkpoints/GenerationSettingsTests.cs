using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models.Tests.Checkpoints;

public sealed class GenerationSettingsTests
{
    [Theory]
    [InlineData("{}", new int[0])]
    [InlineData("""{ "eos_token_id": null }""", new int[0])]
    [InlineData("""{ "_from_model_config": true, "bos_token_id": 56, "eos_token_id": 56, "transformers_version": "4.26.0.dev0" }""", new[] { 56 })] // GPT-2's fields
    [InlineData("""{ "bos_token_id": 80, "do_sample": false, "eos_token_id": [81, 88, 89, 81], "temperature": 0.6, "top_p": 0.9 }""", new[] { 81, 88, 89 })]
    public void What_ends_a_text_is_followed(string json, int[] ends)
    {
        var settings = Read(json);
        Assert.Equal(ends, settings.EndIds);
        Assert.Empty(settings.NotFollowed);
    }

    [Fact]
    public void How_a_token_is_chosen_is_greedy_and_what_else_was_asked_for_is_named()
    {
        // The fields of Qwen2.5's instructed models.
        var settings = Read("""
            { "bos_token_id": 3, "pad_token_id": 3, "do_sample": true, "eos_token_id": [5, 3], "repetition_penalty": 1.05, "temperature": 0.7, "top_p": 0.8, "top_k": 20,
              "transformers_version": "4.37.0" }
            """);
        Assert.Equal([5, 3], settings.EndIds);
        Assert.Equal(["repetition_penalty 1.05", "do_sample true", "temperature 0.7", "top_k 20", "top_p 0.8"], settings.NotFollowed);
        Assert.Equal(["num_beams 4", "no_repeat_ngram_size 3", "min_length 2"], Read("""{ "num_beams": 4, "min_length": 2, "no_repeat_ngram_size": 3, "early_stopping": true, "length_penalty": 2.0 }""").NotFollowed);
        Assert.Empty(Read("""{ "num_beams": 1, "repetition_penalty": 1.0, "min_length": 0, "max_new_tokens": 20, "suppress_tokens": null }""").NotFollowed);
    }

    [Theory]
    [InlineData("""{ "eos_token_id": 100 }""", "eos_token_id: expected ids from 0 to 99, the base's vocabulary, found 100")]
    [InlineData("""{ "eos_token_id": [1, -1] }""", "eos_token_id: expected ids from 0 to 99, the base's vocabulary, found [1, -1]")]
    [InlineData("""{ "eos_token_id": "</s>" }""", "eos_token_id: expected a whole number, found \"</s>\"")]
    [InlineData("""{ "do_sample": 1 }""", "do_sample: expected true or false, found 1")]
    [InlineData("""{ "repetition_penalty": "high" }""", "repetition_penalty: expected a number, found \"high\"")]
    [InlineData("""{ "suppress_tokens": [7] }""", "suppress_tokens [7] is not known here and may change the result")]
    [InlineData("""{ "forced_bos_token_id": 7 }""", "forced_bos_token_id 7 is not known here")]
    [InlineData("""{ "bad_words_ids": [[7]] }""", "bad_words_ids [[7]] is not known here")]
    [InlineData("""{ "stop_strings": ["."] }""", "stop_strings [\".\"] is not known here")]
    [InlineData("""{ "guidance_scale": 1.5 }""", "guidance_scale 1.5 is not known here")]
    [InlineData("""{ "eos_token_ids": [7] }""", "eos_token_ids [7] is not known here")]
    [InlineData("[]", "expected a JSON object")]
    public void What_would_make_it_another_model_is_refused_by_name(string json, string expected)
    {
        var error = Assert.Throws<PbenchException>(() => Read(json));
        Assert.StartsWith("here/generation_config.json: " + expected, error.Message, StringComparison.Ordinal);
    }

    private static GenerationSettings Read(string json) => GenerationSettings.Read(json, "here/generation_config.json", vocabularySize: 100);
}
