using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

internal static partial class HuggingFaceConfig
{
    private const string FullAttention = "full_attention", SlidingAttention = "sliding_attention";

    /// <summary>Scalings of rotations, the one that is none first.</summary>
    public static readonly IReadOnlyList<string> RopeTypes = ["default", "linear", "llama3"];

    /// <summary>What differs between Llama and those that came of it where a file does not say it.</summary>
    /// <param name="KeyValueHeads">Whether as many as query heads are meant.</param>
    /// <param name="HeadDimension">0: the width divided by the heads.</param>
    private sealed record Defaults(double Theta = 10000, double Epsilon = 1e-6, bool TiedHead = false, bool KeyValueHeads = true, int HeadDimension = 0);

    private static Defaults DefaultsOf(string type) => type switch
    {
        "qwen3" => new(HeadDimension: 128),
        "gemma" or "gemma2" => new(TiedHead: true, KeyValueHeads: false, HeadDimension: 256),
        "gemma3_text" => new(Theta: 1e6, TiedHead: true, KeyValueHeads: false, HeadDimension: 256),
        "phi3" or "olmo2" or "olmo3" => new(Epsilon: 1e-5),
        "exaone4" => new(Epsilon: 1e-5, KeyValueHeads: false),
        "smollm3" => new(Theta: 2e6, TiedHead: true, KeyValueHeads: false),
        _ => new(),
    };

    private static DecoderConfig LlamaLike(ConfigFields fields, string type)
    {
        var defaults = DefaultsOf(type);
        var heads = fields.Int("num_attention_heads");
        var (dimension, layers) = (fields.Int("hidden_size"), fields.Int("num_hidden_layers"));
        var rotary = Rotary(fields, "rope_theta", "partial_rotary_factor", 1, defaults.Theta);
        var attentionBias = type is "llama" or "qwen3" or "gemma" or "gemma2" or "gemma3_text" or "olmo2" or "olmo3" or "granite" or "smollm3" && fields.Flag("attention_bias", false);
        var width = fields.Int("head_dim", defaults.HeadDimension);
        var config = new DecoderConfig(
            fields.Int("vocab_size"), dimension, layers, heads, fields.Int("num_key_value_heads", defaults.KeyValueHeads ? heads : null), fields.Int("intermediate_size"),
            fields.Int("max_position_embeddings"), rotary.Theta, fields.Number("rms_norm_eps", defaults.Epsilon), fields.Flag("tie_word_embeddings", defaults.TiedHead))
        {
            ModelType = type,
            HeadDimension = heads > 0 && width == dimension / heads ? 0 : width,
            Mlp = type.StartsWith("gemma", StringComparison.Ordinal) ? GatedGelu(fields) : fields.OneOf("hidden_act", "silu", ("silu", MlpKind.SwiGlu), ("swish", MlpKind.SwiGlu)),
            RotaryShare = rotary.Share,
            RopeScaling = rotary.Scaling,
            QueryKeyValueBias = attentionBias || type == "qwen2",
            OutputBias = attentionBias,
            MlpBias = type is "llama" or "granite" or "smollm3" && fields.Flag("mlp_bias", false),
        };
        return Extended(fields, Windowed(fields, config) with { WindowedRopeTheta = WindowedTheta(fields, type, rotary) });
    }

    /// <summary>What else a type has.</summary>
    private static DecoderConfig Extended(ConfigFields fields, DecoderConfig config)
    {
        switch (config.ModelType)
        {
            case "qwen3": return config with { QueryKeyNorm = QueryKeyNormKind.EachHead };
            case "gemma": return Gemma(config);
            case "gemma2":
                return Gemma(config) with
                {
                    NormPlacement = NormPlacement.Both,
                    AttentionScale = Math.Pow(fields.Number("query_pre_attn_scalar", 256), -0.5),
                    AttentionCap = Cap(fields, "attn_logit_softcapping", 50),
                    LogitCap = Cap(fields, "final_logit_softcapping", 30),
                };
            case "gemma3_text":
                return Gemma(config) with
                {
                    NormPlacement = NormPlacement.Both,
                    QueryKeyNorm = QueryKeyNormKind.EachHead,
                    AttentionScale = Math.Pow(fields.Number("query_pre_attn_scalar", 256), -0.5),
                    AttentionCap = Cap(fields, "attn_logit_softcapping", null),
                    LogitCap = Cap(fields, "final_logit_softcapping", null),
                };
            case "phi3":
                // Of the one kind of scaling that is not supported.
                fields.Take("original_max_position_embeddings");
                return config;
            case "olmo2" or "olmo3": return config with { NormPlacement = NormPlacement.Outputs, QueryKeyNorm = QueryKeyNormKind.Together };
            case "exaone4":
                return config with
                {
                    NormPlacement = NormPlacement.Outputs,
                    QueryKeyNorm = QueryKeyNormKind.EachHead,
                    RotatedLayers = config.SlidingWindow is null ? default : config.WindowedLayers,
                };
            case "granite":
                return config with
                {
                    EmbeddingScale = fields.Number("embedding_multiplier", 1),
                    AttentionScale = fields.Number("attention_multiplier", 1),
                    ResidualScale = fields.Number("residual_multiplier", 1),
                    LogitScale = 1 / fields.Number("logits_scaling", 1),
                };
            case "smollm3": return config with { RotatedLayers = Turning(fields, config.Layers) };
            default: return config;
        }

        static DecoderConfig Gemma(DecoderConfig config) => config with { EmbeddingScale = Math.Sqrt(config.Dimension) };

        // Null is said of none, and is not what a missing field means.
        static double? Cap(ConfigFields fields, string key, double? otherwise) => !fields.Has(key) ? otherwise : fields.Number(key, double.PositiveInfinity) is var cap && double.IsFinite(cap) ? cap : null;
    }

    private static MlpKind GatedGelu(ConfigFields fields)
    {
        // The same under an old name and a new one.
        fields.OneOf("hidden_act", "gelu_pytorch_tanh", ("gelu_pytorch_tanh", true));
        return fields.OneOf("hidden_activation", "gelu_pytorch_tanh", ("gelu_pytorch_tanh", MlpKind.GeGluTanh));
    }

    private static LayerSet Turning(ConfigFields fields, int layers)
    {
        var interval = fields.Int("no_rope_layer_interval", 4);
        if (fields.Numbers("no_rope_layers") is not { } given) return interval < 1 ? throw fields.Error("no_rope_layer_interval", "at least 1", $"{interval}") : LayerSet.Of(Enumerable.Range(1, layers).Select(i => i % interval != 0));
        return given.Length == layers && Array.TrueForAll(given, g => g is 0 or 1) ? LayerSet.Of(given.Select(g => g == 1))
            : throw fields.Error("no_rope_layers", $"{layers} times 0 or 1, one for each layer", $"[{string.Join(", ", given)}]");
    }

    private sealed record RotaryFields(double Theta, RopeScaling? Scaling, double Share)
    {
        /// <summary>Base in the layers with a window, where the file tells them apart.</summary>
        public double? WindowedTheta { get; init; }
    }

    /// <summary>Base, scaling and share of the rotations; older files spread over the top level, newer ones in <c>rope_parameters</c>, where
    /// layers with and without a window may have their own.</summary>
    private static RotaryFields Rotary(ConfigFields fields, string thetaKey, string shareKey, double defaultShare, double defaultTheta = 10000)
    {
        var theta = fields.Number(fields.Has("rope_theta") ? "rope_theta" : thetaKey, defaultTheta);
        var share = fields.Number(fields.Has("partial_rotary_factor") ? "partial_rotary_factor" : shareKey, defaultShare);
        var rope = fields.Object("rope_parameters") ?? fields.Object("rope_scaling");
        if (rope is null) return new(theta, null, share);
        if (!rope.Has(FullAttention)) return Of(rope);
        var (full, windowed) = (Of(rope.Object(FullAttention)!), rope.Object(SlidingAttention) is { } other ? Of(other) : null);
        rope.RequireNothingElse(_ => false);
        if (windowed is { Scaling: not null }) throw rope.Error(SlidingAttention, "unscaled rotations; nothing else is supported", windowed.Scaling.ToString());
        return full with { WindowedTheta = windowed?.Theta };

        RotaryFields Of(ConfigFields rope)
        {
            var kind = rope.OneOf(rope.Has("rope_type") ? "rope_type" : "type", RopeTypes[0], [.. RopeTypes.Select((name, at) => (name, at))]);
            rope.Take("type");
            RopeScaling? scaling = kind switch
            {
                0 => null,
                1 => new LinearRopeScaling(rope.Number("factor")),
                _ => new Llama3RopeScaling(rope.Number("factor"), rope.Number("low_freq_factor"), rope.Number("high_freq_factor"), rope.Int("original_max_position_embeddings")),
            };
            var read = new RotaryFields(rope.Number("rope_theta", theta), scaling, rope.Number("partial_rotary_factor", share));
            rope.RequireNothingElse(_ => false);
            return read;
        }
    }

    /// <summary>Base of the rotations in layers with a window, null where it is that of the others.</summary>
    private static double? WindowedTheta(ConfigFields fields, string type, RotaryFields rotary)
    {
        var local = rotary.WindowedTheta ?? type switch
        {
            "gemma3_text" => fields.Number("rope_local_base_freq", 10000),
            // What scales is for the layers that see everything.
            "olmo3" => rotary.Theta,
            _ => null,
        };
        return local == rotary.Theta && rotary.Scaling is null ? null : local;
    }

    /// <summary>With how far back which layers see: in every layer (Mistral, Phi-3), from <c>max_window_layers</c> on (Qwen), in every second
    /// (Gemma 2), in all but every sixth (Gemma 3), or as <c>layer_types</c> says layer by layer.</summary>
    private static DecoderConfig Windowed(ConfigFields fields, DecoderConfig config)
    {
        var (type, layers) = (config.ModelType, config.Layers);
        if (type is "llama" or "gemma" or "olmo2" or "granite") return config;
        var isQwen = type is "qwen2" or "qwen3";
        var used = !isQwen && type != "smollm3" || fields.Flag("use_sliding_window", false);
        int? window = fields.Take("sliding_window") is { } given ? given.TryGetInt32(out var size) ? size : throw fields.Error("sliding_window", "a whole number", given)
            : type is "gemma2" or "gemma3_text" ? 4096 : null;
        var first = isQwen ? fields.Int("max_window_layers", 28) : 0;
        // An older file's has no underscore; beside layer_types it says nothing of its own.
        var pattern = type == "gemma3_text" ? fields.Int("_sliding_window_pattern", fields.Int("sliding_window_pattern", 6)) : 0;
        if (type == "exaone4") fields.Take("sliding_window_pattern");
        var windowed = fields.Take("layer_types") is { } types ? Told(types) : type switch
        {
            "gemma2" => LayerSet.Of(Enumerable.Range(0, layers).Select(i => i % 2 == 0)),
            "gemma3_text" => LayerSet.Of(Enumerable.Range(1, layers).Select(i => i % Math.Max(1, pattern) != 0)),
            "olmo3" or "exaone4" or "smollm3" when used && window is not null => throw fields.Missing("layer_types"),
            _ => LayerSet.Of(Enumerable.Range(0, layers).Select(i => i >= first)),
        };
        return used && window is not null && Enumerable.Range(0, layers).Any(windowed.Contains) ? config with { SlidingWindow = window, WindowedLayers = windowed } : config;

        LayerSet Told(JsonElement types)
        {
            string[] kinds = types.ValueKind == JsonValueKind.Array ? [.. types.EnumerateArray().Select(k => k.ValueKind == JsonValueKind.String ? k.GetString()! : "")] : [];
            return kinds.Length == layers && Array.TrueForAll(kinds, k => k is FullAttention or SlidingAttention) ? LayerSet.Of(kinds.Select(k => k == SlidingAttention))
                : throw fields.Error("layer_types", $"{layers} times '{FullAttention}' or '{SlidingAttention}'", types);
        }
    }
}
