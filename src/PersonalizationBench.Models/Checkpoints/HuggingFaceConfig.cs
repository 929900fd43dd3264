using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// Hugging Face's <c>config.json</c> of the <see cref="ModelTypes"/>. Every field that changes the result is honored or refused by name;
/// defaults are those of transformers 4.57.
/// </summary>
internal static partial class HuggingFaceConfig
{
    public static readonly IReadOnlyList<string> ModelTypes =
    [
        "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "olmo2", "olmo3", "exaone4", "granite", "smollm3", "gpt2", "gpt_neox", "mamba", "mamba2",
    ];

    /// <summary>Fields without a say in a forward pass in evaluation: names, training, generation; more of their kind by <see cref="InertKind"/>.</summary>
    private static readonly HashSet<string> Inert = [.. """
        architectures auto_map bad_words_ids cache_implementation chunk_size_feed_forward cross_attention_hidden_size
        diversity_penalty do_sample dtype early_stopping encoder_no_repeat_ngram_size exponential_decay_length_penalty finetuning_task
        gradient_checkpointing id2label is_decoder label2id length_penalty max_length min_length model_max_length n_ctx
        no_repeat_ngram_size num_beam_groups num_beams num_labels num_logits_to_keep num_return_sequences output_attentions
        output_hidden_states output_scores prefix pretraining_tp problem_type processor_class pruned_heads remove_invalid_values
        reorder_and_upcast_attn repetition_penalty return_dict return_dict_in_generate rope_interleaved runtime_config seq_length
        suppress_tokens begin_suppress_tokens task_specific_params temperature tf_legacy_loss tokenizer_class top_k top_p torch_dtype
        torchscript transformers.js_config typical_p use_bfloat16 use_cache use_return_dict
        """.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>What transformers and the tools around it write of themselves and of training, whatever exactly they call it: private state
    /// (how attention is computed, where a file came from), flags that say which class a file is for, ids of tokens, rates of dropout, first
    /// weights, coefficients of losses, heads for other tasks, versions.</summary>
    [GeneratedRegex(@"^(_(attn|experts|flash)_\w+|_(name_or_path|num_labels|commit_hash|from_auto|auto_class|diffusers_version)|is_\w+_config|\w+_token_ids?|(\w+_)?(dropout|pdrop|dropout_prob|dropout_rate)|\w+_first_dropout|initializer_\w+|\w+_loss_coef|summary_\w+|unsloth_\w+|\w+_version)$")]
    private static partial Regex InertKind();

    private static bool IsInert(string key) => Inert.Contains(key) || InertKind().IsMatch(key);

    /// <exception cref="PbenchException">Names <paramref name="source"/> and the field.</exception>
    public static DecoderConfig Read(string text, string source) => StrictJson.Read(Encoding.UTF8.GetBytes(PythonNumber().Replace(text, "{\"__float__\":\"$0\"}")), source, root =>
    {
        var fields = new ConfigFields(root, source);
        var type = fields.Text("model_type", "llama");
        if (!ModelTypes.Contains(type))
        {
            // A type that there is, and that is not here, is no slip of the pen for a neighbor's.
            var nearest = ModelFormats.RefusedArchitectures.Contains(type) ? null : NearestWord.Find(type, ModelTypes);
            throw new PbenchException($"{source}: model_type '{type}' is not supported{(nearest is null ? "." : $"; did you mean '{nearest}'?")} Expected one of {string.Join(", ", ModelTypes)}");
        }
        var config = type switch
        {
            "gpt2" => Gpt2(fields),
            "gpt_neox" => GptNeoX(fields),
            "mamba" => Mamba(fields, source),
            "mamba2" => Mamba2(fields, source),
            _ => LlamaLike(fields, type),
        };
        fields.RequireNothingElse(IsInert);
        return config.Validated(source);
    });

    /// <summary>The text of the <c>config.json</c> of a Llama or a Mamba-2; ends with a line feed.</summary>
    public static string Write(DecoderConfig config)
    {
        var json = config.StateSpace is { } state ? Mamba2(config, state) : config.IsPlainLlama ? Llama(config)
            : throw new PbenchException($"config.json: a {config.ModelType} is read here, not written; expected a plain Llama or a Mamba-2");
        return json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }

    private static JsonObject Llama(DecoderConfig config) => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["model_type"] = "llama",
        ["vocab_size"] = config.VocabularySize,
        ["hidden_size"] = config.Dimension,
        ["num_hidden_layers"] = config.Layers,
        ["num_attention_heads"] = config.Heads,
        ["num_key_value_heads"] = config.KeyValueHeads,
        ["intermediate_size"] = config.HiddenDimension,
        ["max_position_embeddings"] = config.ContextLength,
        ["rope_theta"] = config.RopeTheta,
        ["rms_norm_eps"] = config.NormEpsilon,
        ["tie_word_embeddings"] = config.TiedHead,
        ["hidden_act"] = "silu",
        ["attention_bias"] = false,
        ["mlp_bias"] = false,
        ["torch_dtype"] = "bfloat16",
    };

    private static JsonObject Mamba2(DecoderConfig config, StateSpaceShape state)
    {
        var json = Mamba2WithoutLimits(config, state);
        // No bound is a very high one: JSON has no infinity.
        if (state.MinStep > 0 || state.MaxStep is not null) json["time_step_limit"] = new JsonArray(state.MinStep, state.MaxStep ?? 1e30);
        return json;
    }

    private static JsonObject Mamba2WithoutLimits(DecoderConfig config, StateSpaceShape state) => new()
    {
        ["architectures"] = new JsonArray("Mamba2ForCausalLM"),
        ["model_type"] = "mamba2",
        ["vocab_size"] = config.VocabularySize,
        ["hidden_size"] = config.Dimension,
        ["num_hidden_layers"] = config.Layers,
        ["num_heads"] = state.Heads,
        ["head_dim"] = state.HeadDimension,
        ["state_size"] = state.StateSize,
        ["n_groups"] = state.Groups,
        ["conv_kernel"] = state.ConvolutionWidth,
        ["chunk_size"] = state.ChunkSize,
        ["expand"] = (double)state.Inner / config.Dimension,
        ["use_conv_bias"] = state.ConvolutionBias,
        ["use_bias"] = false,
        ["hidden_act"] = "silu",
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["max_position_embeddings"] = config.ContextLength,
        ["tie_word_embeddings"] = config.TiedHead,
        ["torch_dtype"] = "bfloat16",
    };

    /// <summary>What Python's json writes for numbers that JSON does not have.</summary>
    [GeneratedRegex(@"(?<=[\[,:]\s*)(-?Infinity|NaN)(?=\s*[\],}])")]
    private static partial Regex PythonNumber();

    private static DecoderConfig Gpt2(ConfigFields fields)
    {
        var (dimension, heads) = (fields.Int("n_embd"), fields.Int("n_head"));
        Demand(fields, "scale_attn_weights", true);
        Demand(fields, "scale_attn_by_inverse_layer_idx", false);
        Demand(fields, "add_cross_attention", false);
        return new DecoderConfig(
            fields.Int("vocab_size"), dimension, fields.Int("n_layer"), heads, heads, fields.Int("n_inner", 4 * dimension), fields.Int("n_positions"),
            NormEpsilon: fields.Number("layer_norm_epsilon", 1e-5), TiedHead: fields.Flag("tie_word_embeddings", true))
        {
            ModelType = "gpt2",
            Norm = NormKind.Layer,
            Mlp = Gelu(fields, "activation_function", "gelu_new"),
            LearnedPositions = true,
            QueryKeyValueBias = true,
            OutputBias = true,
            MlpBias = true,
        };
    }

    private static DecoderConfig GptNeoX(ConfigFields fields)
    {
        var heads = fields.Int("num_attention_heads");
        var rotary = Rotary(fields, "rotary_emb_base", "rotary_pct", 0.25);
        var bias = fields.Flag("attention_bias", true);
        return new DecoderConfig(
            fields.Int("vocab_size"), fields.Int("hidden_size"), fields.Int("num_hidden_layers"), heads, heads, fields.Int("intermediate_size"),
            fields.Int("max_position_embeddings"), rotary.Theta, fields.Number("layer_norm_eps", 1e-5), fields.Flag("tie_word_embeddings", false))
        {
            ModelType = "gpt_neox",
            Norm = NormKind.Layer,
            Mlp = Gelu(fields, "hidden_act", "gelu"),
            RotaryShare = rotary.Share,
            RopeScaling = rotary.Scaling,
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = true,
            ParallelResidual = fields.Flag("use_parallel_residual", true),
        };
    }

    /// <summary>A model without positions has no longest sequence: this one stands for it, unless the file names what it was trained on.</summary>
    private const int Unbounded = 1 << 20;

    private static DecoderConfig Mamba(ConfigFields fields, string source)
    {
        var (dimension, layers) = (fields.Int("hidden_size"), fields.Int("num_hidden_layers"));
        fields.OneOf("hidden_act", "silu", ("silu", true), ("swish", true));
        Demand(fields, "rms_norm", true);
        IgnoreTraining(fields);
        // How to compute, not what.
        foreach (var way in new[] { "fused_add_norm", "use_mambapy", "use_associative_scan", "pad_vocab_size_multiple" }) fields.Take(way);
        var expanded = (int)(fields.Number("expand", 2) * dimension);
        var inner = fields.Int("intermediate_size", expanded);
        Agree("intermediate_size", inner, expanded);
        // The authors' own names for the same, which converted files keep.
        foreach (var (name, value) in new[] { ("d_model", dimension), ("d_inner", inner), ("n_layer", layers) }) Agree(name, fields.Int(name, value), value);
        if (fields.Take("ssm_cfg") is { } other && StrictJson.Object(other, source, "ssm_cfg").EnumerateObject().Any()) throw fields.Error("ssm_cfg", "{}; nothing else is supported", other);
        var rank = fields.Take("time_step_rank") is { } given && !(given.ValueKind == JsonValueKind.String && given.GetString() == "auto")
            ? StrictJson.Int(given, source, "time_step_rank") : (dimension + 15) / 16;
        return new DecoderConfig(
            fields.Int("vocab_size"), dimension, layers, 0, 0, 0, fields.Int("max_position_embeddings", Unbounded),
            NormEpsilon: fields.Number("layer_norm_epsilon", 1e-5), TiedHead: fields.Flag("tie_word_embeddings", true))
        {
            ModelType = "mamba",
            Selective = new SelectiveShape(inner, fields.Int("state_size", 16), rank, fields.Int("conv_kernel", 4))
            {
                ConvolutionBias = fields.Flag("use_conv_bias", true),
                ProjectionBias = fields.Flag("use_bias", false),
            },
        };

        void Agree(string key, int found, int expected)
        {
            if (found != expected) throw new PbenchException($"{source}: {key}: expected {expected} by hidden_size, expand and num_hidden_layers, found {found}");
        }
    }

    /// <summary>About the first values of steps and weights, and the residual's type, a matter of precision.</summary>
    private static void IgnoreTraining(ConfigFields fields)
    {
        foreach (var training in new[] { "time_step_min", "time_step_max", "time_step_floor", "time_step_scale", "time_step_init_scheme", "rescale_prenorm_residual", "residual_in_fp32" }) fields.Take(training);
    }

    private static DecoderConfig Mamba2(ConfigFields fields, string source)
    {
        var (dimension, heads) = (fields.Int("hidden_size"), fields.Int("num_heads", 128));
        fields.OneOf("hidden_act", "silu", ("silu", true), ("swish", true));
        Demand(fields, "use_bias", false);
        Demand(fields, "rms_norm", true);
        // Steps are bounded by time_step_limit alone; time_step_rank is Mamba's.
        IgnoreTraining(fields);
        fields.Take("time_step_rank");
        var state = new StateSpaceShape(heads, fields.Int("head_dim", 64), fields.Int("state_size", 128), fields.Int("n_groups", 8), fields.Int("conv_kernel", 4), fields.Int("chunk_size", 256))
        {
            ConvolutionBias = fields.Flag("use_conv_bias", true),
        };
        if (fields.Number("expand", 2) * dimension != state.Inner)
            throw new PbenchException(FormattableString.Invariant($"{source}: expand x hidden_size must be num_heads x head_dim = {state.Inner}"));
        if (fields.Numbers("time_step_limit") is { } bounds)
        {
            if (bounds is not [var low, var high] || double.IsNaN(low) || double.IsNaN(high)) throw fields.Error("time_step_limit", "[low, high]", string.Create(CultureInfo.InvariantCulture, $"[{string.Join(", ", bounds)}]"));
            // Steps are positive: none at all bounds them from below as 0 does.
            state = state with { MinStep = double.IsNegativeInfinity(low) ? 0 : low, MaxStep = double.IsPositiveInfinity(high) ? null : high };
        }
        return new DecoderConfig(
            fields.Int("vocab_size"), dimension, fields.Int("num_hidden_layers"), 0, 0, 0, fields.Int("max_position_embeddings", Unbounded),
            NormEpsilon: fields.Number("layer_norm_epsilon", 1e-5), TiedHead: fields.Flag("tie_word_embeddings", false))
        {
            ModelType = "mamba2",
            StateSpace = state,
        };
    }

    private static MlpKind Gelu(ConfigFields fields, string key, string otherwise) =>
        fields.OneOf(key, otherwise, ("gelu", MlpKind.Gelu), ("gelu_new", MlpKind.GeluTanh), ("gelu_fast", MlpKind.GeluTanh), ("gelu_pytorch_tanh", MlpKind.GeluTanh));

    private static void Demand(ConfigFields fields, string key, bool value)
    {
        if (fields.Take(key) is { } found && found.ValueKind != (value ? JsonValueKind.True : JsonValueKind.False))
            throw fields.Error(key, value ? "true; nothing else is supported" : "false; nothing else is supported", found);
    }
}
