using System.Globalization;
using System.Text;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// Hugging Face's <c>generation_config.json</c>. Which ids end a text is followed. How a token is chosen is not: answers are greedy
/// from the model's own likelihoods, for all bases alike, and what the file asks for instead is named. What forbids or forces tokens would
/// make it another model, and is refused by name with all that is not known. Names are those of transformers 4.57.
/// </summary>
/// <param name="EndIds"><c>eos_token_id</c>: each of them ends a text.</param>
/// <param name="NotFollowed">Fields with their values.</param>
internal sealed record GenerationSettings(IReadOnlyList<int> EndIds, IReadOnlyList<string> NotFollowed)
{
    public const string FileName = "generation_config.json";

    public static readonly GenerationSettings None = new([], []);

    /// <summary>What changes a greedy choice too, with the value that does not.</summary>
    private static readonly (string Field, double Neutral)[] Search =
    [
        ("num_beams", 1), ("penalty_alpha", 0), ("repetition_penalty", 1), ("encoder_repetition_penalty", 1), ("no_repeat_ngram_size", 0), ("encoder_no_repeat_ngram_size", 0),
        ("min_length", 0), ("min_new_tokens", 0),
    ];

    /// <summary>What has a say only where <c>do_sample</c> is true.</summary>
    private static readonly string[] Sampling = ["temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"];

    /// <summary>Names and ids that prompts here do not need, lengths (a study's own), what comes back beside the tokens, speed, and details of beams.</summary>
    private static readonly HashSet<string> Inert = [.. """
        _from_model_config assistant_confidence_threshold assistant_early_exit assistant_lookbehind bos_token_id cache_config cache_implementation
        chat_format compile_config decoder_start_token_id disable_compile diversity_penalty early_stopping is_assistant length_penalty low_memory
        max_length max_matching_ngram_size max_new_tokens max_time max_window_size num_assistant_tokens num_assistant_tokens_schedule
        num_beam_groups num_return_sequences output_attentions output_hidden_states output_logits output_scores pad_token_id
        prefill_chunk_size prompt_lookup_num_tokens remove_invalid_values renormalize_logits return_dict_in_generate return_legacy_cache
        target_lookbehind transformers_version trust_remote_code use_cache
        """.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)];

    /// <exception cref="PbenchException">Names <paramref name="source"/> and the field.</exception>
    public static GenerationSettings Read(string text, string source, int vocabularySize) => StrictJson.Read(Encoding.UTF8.GetBytes(text), source, root =>
    {
        var fields = new ConfigFields(root, source);
        var ends = EndsOf(fields, source, vocabularySize);
        var notFollowed = Search.Select(s => (s.Field, Value: fields.Number(s.Field, s.Neutral), s.Neutral)).Where(s => s.Value != s.Neutral)
            .Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Field} {s.Value}")).ToList();
        var samples = fields.Flag("do_sample", false);
        var sampling = Sampling.Select(s => (Field: s, Value: fields.Take(s))).Where(s => s.Value is not null).Select(s => $"{s.Field} {s.Value!.Value.GetRawText()}").ToList();
        if (samples) notFollowed.AddRange(sampling.Prepend("do_sample true"));
        fields.RequireNothingElse(Inert.Contains);
        return new GenerationSettings(ends, notFollowed);
    });

    private static List<int> EndsOf(ConfigFields fields, string source, int vocabularySize)
    {
        const string Key = "eos_token_id";
        if (fields.Take(Key) is not { } value) return [];
        var ends = (value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : new[] { value }).Select(id => StrictJson.Int(id, source, Key)).Distinct().ToList();
        return ends.TrueForAll(id => id >= 0 && id < vocabularySize) ? ends : throw fields.Error(Key, $"ids from 0 to {vocabularySize - 1}, the base's vocabulary", value);
    }
}
