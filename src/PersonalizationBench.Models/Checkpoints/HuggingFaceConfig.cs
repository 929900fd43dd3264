using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// Hugging Face's <c>config.json</c>: Llama (SmolLM2 among them), Mistral, Qwen2, Qwen2.5, Qwen3, GPT-2, GPT-NeoX (Pythia),
/// Mamba and Mamba-2.
/// Every field that changes the result is honoured or refused by name; defaults are those of transformers 4.57.
/// </summary>
internal static partial class HuggingFaceConfig
{
    private static readonly string[] ModelTypes = ["llama", "mistral", "qwen2", "qwen3", "gpt2", "gpt_neox", "mamba", "mamba2"];

    /// <summary>Fields without a say in a forward pass in evaluation: names, numbers of special tokens, training, generation.</summary>
    private static readonly HashSet<string> Inert = [.. """
        _name_or_path architectures attention_dropout attn_pdrop auto_map bad_words_ids begin_suppress_tokens bos_token_id
        chunk_size_feed_forward classifier_dropout decoder_start_token_id diversity_penalty do_sample dtype early_stopping embd_pdrop
        encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty finetuning_task forced_bos_token_id
        forced_eos_token_id gradient_checkpointing hidden_dropout id2label initializer_range is_decoder label2id
        length_penalty max_length min_length model_max_length n_ctx no_repeat_ngram_size num_beam_groups num_beams
        num_return_sequences output_attentions output_hidden_states output_scores pad_token_id prefix pretraining_tp problem_type
        pruned_heads remove_invalid_values reorder_and_upcast_attn repetition_penalty resid_pdrop return_dict return_dict_in_generate
        rope_interleaved sep_token_id summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj
        suppress_tokens task_specific_params temperature tokenizer_class top_k top_p torch_dtype torchscript
        transformers.js_config transformers_version typical_p unsloth_fixed unsloth_version use_bfloat16 use_cache
        """.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)];

    /// <exception cref="PbenchException">Names <paramref name="source"/> and the field.</exception>
    public static DecoderConfig Read(string text, string source) => StrictJson.Read(Encoding.UTF8.GetBytes(PythonInfinity().Replace(text, "1e999")), source, root =>
    {
        var fields = new ConfigFields(root, source);
        var type = fields.Text("model_type", "llama");
        if (!ModelTypes.Contains(type))
        {
            var nearest = NearestWord.Find(type, ModelTypes);
            throw new PbenchException($"{source}: model_type '{type}' is not supported{(nearest is null ? "" : $"; did you mean '{nearest}'?")} Expected one of {string.Join(", ", ModelTypes)}");
        }
        var config = type switch
        {
            "gpt2" => Gpt2(fields),
            "gpt_neox" => GptNeoX(fields),
            "mamba" => Mamba(fields, source),
            "mamba2" => Mamba2(fields, source),
            _ => LlamaLike(fields, type),
        };
        fields.RequireNothingElse(Inert);
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

    /// <summary>What Python writes for infinity, which JSON does not have.</summary>
    [GeneratedRegex(@"(?<=[\[,:]\s*)""?Infinity""?(?=\s*[\],}])")]
    private static partial Regex PythonInfinity();

    private static DecoderConfig LlamaLike(ConfigFields fields, string type)
    {
        var heads = fields.Int("num_attention_heads");
        var (dimension, layers) = (fields.Int("hidden_size"), fields.Int("num_hidden_layers"));
        var (theta, scaling, share) = Rotary(fields, "rope_theta", "partial_rotary_factor", 1);
        fields.OneOf("hidden_act", "silu", ("silu", true), ("swish", true));
        var attentionBias = type is "llama" or "qwen3" && fields.Flag("attention_bias", false);
        var (window, first) = Window(fields, type, layers);
        var width = fields.Int("head_dim", type == "qwen3" ? 128 : 0);
        return new DecoderConfig(
            fields.Int("vocab_size"), dimension, layers, heads, fields.Int("num_key_value_heads", heads), fields.Int("intermediate_size"),
            fields.Int("max_position_embeddings"), theta, fields.Number("rms_norm_eps", 1e-6), fields.Flag("tie_word_embeddings", false))
        {
            ModelType = type,
            HeadDimension = heads > 0 && width == dimension / heads ? 0 : width,
            RotaryShare = share,
            RopeScaling = scaling,
            QueryKeyValueBias = attentionBias || type == "qwen2",
            OutputBias = attentionBias,
            MlpBias = type == "llama" && fields.Flag("mlp_bias", false),
            QueryKeyNorm = type == "qwen3",
            SlidingWindow = window,
            FirstWindowedLayer = first,
        };
    }

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
        var (theta, scaling, share) = Rotary(fields, "rotary_emb_base", "rotary_pct", 0.25);
        var bias = fields.Flag("attention_bias", true);
        return new DecoderConfig(
            fields.Int("vocab_size"), fields.Int("hidden_size"), fields.Int("num_hidden_layers"), heads, heads, fields.Int("intermediate_size"),
            fields.Int("max_position_embeddings"), theta, fields.Number("layer_norm_eps", 1e-5), fields.Flag("tie_word_embeddings", false))
        {
            ModelType = "gpt_neox",
            Norm = NormKind.Layer,
            Mlp = Gelu(fields, "hidden_act", "gelu"),
            RotaryShare = share,
            RopeScaling = scaling,
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
        if (fields.Take("time_step_limit") is { } limit)
        {
            var bounds = limit.ValueKind == JsonValueKind.Array ? limit.EnumerateArray().Select(b => b.ValueKind == JsonValueKind.Number ? b.GetDouble() : double.NaN).ToArray() : [];
            if (bounds.Length != 2 || bounds.Any(double.IsNaN)) throw fields.Error("time_step_limit", "[low, high]", limit);
            state = state with { MinStep = bounds[0], MaxStep = double.IsFinite(bounds[1]) ? bounds[1] : null };
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

    /// <summary>Base, scaling and share of the rotations; older files spread over the top level, newer ones in <c>rope_parameters</c>.</summary>
    private static (double Theta, RopeScaling? Scaling, double Share) Rotary(ConfigFields fields, string thetaKey, string shareKey, double defaultShare)
    {
        var theta = fields.Number(fields.Has("rope_theta") ? "rope_theta" : thetaKey, 10000);
        var share = fields.Number(fields.Has("partial_rotary_factor") ? "partial_rotary_factor" : shareKey, defaultShare);
        var rope = fields.Object("rope_parameters") ?? fields.Object("rope_scaling");
        if (rope is null) return (theta, null, share);
        theta = rope.Number("rope_theta", theta);
        share = rope.Number("partial_rotary_factor", share);
        var kind = rope.OneOf(rope.Has("rope_type") ? "rope_type" : "type", "default", ("default", 0), ("linear", 1), ("llama3", 2));
        rope.Take("type");
        RopeScaling? scaling = kind switch
        {
            0 => null,
            1 => new LinearRopeScaling(rope.Number("factor")),
            _ => new Llama3RopeScaling(rope.Number("factor"), rope.Number("low_freq_factor"), rope.Number("high_freq_factor"), rope.Int("original_max_position_embeddings")),
        };
        rope.RequireNothingElse(new HashSet<string>());
        return (theta, scaling, share);
    }

    /// <summary>Mistral's window holds in every layer, Qwen's from <c>max_window_layers</c> on; <c>layer_types</c> says it layer by layer.</summary>
    private static (int? Window, int First) Window(ConfigFields fields, string type, int layers)
    {
        if (type == "llama") return (null, 0);
        var used = type == "mistral" || fields.Flag("use_sliding_window", false);
        var window = fields.Take("sliding_window") is { } given && used ? given.TryGetInt32(out var size) ? size : throw fields.Error("sliding_window", "a whole number", given) : (int?)null;
        var first = type == "mistral" ? 0 : fields.Int("max_window_layers", 28);
        if (fields.Take("layer_types") is { } types)
        {
            const string Full = "full_attention", Sliding = "sliding_attention";
            string[] kinds = [.. types.EnumerateArray().Select(k => k.GetString() ?? "")];
            var full = kinds.TakeWhile(k => k == Full).Count();
            if (kinds.Length != layers || kinds.Skip(full).Any(k => k != Sliding)) throw fields.Error("layer_types", $"{layers} of '{Full}', then '{Sliding}'", types);
            if (full == layers) window = null;
            first = full;
        }
        return window is null ? (null, 0) : (window, first);
    }
}
