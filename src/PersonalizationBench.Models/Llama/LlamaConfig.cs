using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>
/// The shape of a Llama: RMSNorm before attention and before a SwiGLU block, rotary positions, grouped-query attention
/// (Touvron et al., 2023, arXiv:2307.09288).
/// </summary>
/// <param name="VocabularySize">Rows of the embedding.</param>
/// <param name="Dimension">Width of the residual stream.</param>
/// <param name="Layers">Number of blocks.</param>
/// <param name="Heads">Query heads; their width is <see cref="HeadDimension"/>.</param>
/// <param name="KeyValueHeads">Key and value heads; divides <paramref name="Heads"/>.</param>
/// <param name="HiddenDimension">Width inside the SwiGLU block.</param>
/// <param name="ContextLength">Longest sequence, in tokens.</param>
/// <param name="RopeTheta">Base of the rotary frequencies.</param>
/// <param name="NormEpsilon">Added to the mean square before its root.</param>
/// <param name="TiedHead">True where the output projection is the embedding.</param>
public sealed record LlamaConfig(
    int VocabularySize,
    int Dimension,
    int Layers,
    int Heads,
    int KeyValueHeads,
    int HiddenDimension,
    int ContextLength,
    double RopeTheta = 10000,
    double NormEpsilon = 1e-5,
    bool TiedHead = true)
{
    public int HeadDimension => Dimension / Heads;

    /// <summary>Width of the keys, and of the values, of one token.</summary>
    public int KeyValueDimension => HeadDimension * KeyValueHeads;

    /// <summary>Number of weights, tied ones once.</summary>
    public long Parameters => Shapes().Sum(s => s.Shape.Aggregate(1L, (a, b) => a * b));

    /// <summary>Name (Hugging Face's) and shape of every weight, in the order of the file.</summary>
    public IEnumerable<(string Name, long[] Shape)> Shapes()
    {
        yield return Shaped(LlamaNames.Embedding);
        for (var layer = 0; layer < Layers; layer++)
        {
            yield return Shaped(LlamaNames.AttentionNorm(layer));
            foreach (var module in LlamaNames.Projections) yield return Shaped(LlamaNames.Projection(layer, module));
            yield return Shaped(LlamaNames.MlpNorm(layer));
        }
        yield return Shaped(LlamaNames.FinalNorm);
        if (!TiedHead) yield return Shaped(LlamaNames.Head);

        (string, long[]) Shaped(string name) => (name, ShapeOf(name));
    }

    /// <summary>The shape of one weight by its name.</summary>
    public long[] ShapeOf(string name) => name.Split('.') switch
    {
        [.., "embed_tokens", "weight"] or ["lm_head", "weight"] => [VocabularySize, Dimension],
        [.., "input_layernorm" or "post_attention_layernorm" or "norm", "weight"] => [Dimension],
        [.., var module, "weight"] when ProjectionShape(module) is var (output, input) => [output, input],
        _ => throw new PbenchException($"'{name}' is not a weight of a Llama"),
    };

    /// <summary>(out, in) of a projection such as <c>q_proj</c>.</summary>
    public (int Output, int Input) ProjectionShape(string module) => module switch
    {
        "q_proj" or "o_proj" => (Dimension, Dimension),
        "k_proj" or "v_proj" => (KeyValueDimension, Dimension),
        "gate_proj" or "up_proj" => (HiddenDimension, Dimension),
        "down_proj" => (Dimension, HiddenDimension),
        _ => throw new PbenchException($"'{module}' is not a projection of a Llama; expected one of {string.Join(", ", LlamaNames.Projections)}"),
    };

    /// <summary>Smaller of in and out for each projection: a rank above it is refused.</summary>
    public IReadOnlyDictionary<string, int> SmallestDimensions() =>
        LlamaNames.Projections.ToDictionary(m => m, m => Math.Min(ProjectionShape(m).Output, ProjectionShape(m).Input));

    /// <summary>Returns itself, or throws <see cref="PbenchException"/> naming <paramref name="source"/> and the value that cannot be.</summary>
    public LlamaConfig Validated(string source)
    {
        Require(VocabularySize > 0, "vocab_size must be positive", VocabularySize);
        Require(Dimension > 0, "hidden_size must be positive", Dimension);
        Require(Layers > 0, "num_hidden_layers must be positive", Layers);
        Require(Heads > 0 && Dimension % Heads == 0, $"num_attention_heads must divide hidden_size {Dimension}", Heads);
        Require(HeadDimension % 2 == 0, "hidden_size / num_attention_heads must be even (rotary positions turn pairs)", HeadDimension);
        Require(KeyValueHeads > 0 && Heads % KeyValueHeads == 0, $"num_key_value_heads must divide num_attention_heads {Heads}", KeyValueHeads);
        Require(HiddenDimension > 0, "intermediate_size must be positive", HiddenDimension);
        Require(ContextLength > 1, "max_position_embeddings must be at least 2", ContextLength);
        Require(RopeTheta > 0, "rope_theta must be positive", RopeTheta);
        Require(NormEpsilon > 0, "rms_norm_eps must be positive", NormEpsilon);
        return this;

        void Require(bool holds, string expectation, object value)
        {
            if (!holds) throw new PbenchException(FormattableString.Invariant($"{source}: {expectation}, not {value}"));
        }
    }

    /// <summary>Reads a Hugging Face <c>config.json</c>. What it asks for and this implementation lacks is refused, not ignored.</summary>
    public static LlamaConfig FromJson(string text, string source)
    {
        JsonObject json;
        try
        {
            json = JsonNode.Parse(text) as JsonObject ?? throw new PbenchException($"{source}: expected a JSON object");
        }
        catch (JsonException e)
        {
            throw PbenchException.At(source, (int)(e.LineNumber ?? 0) + 1, e.Message, e);
        }
        if (json["model_type"]?.ToString() is { } type and not "llama")
            throw new PbenchException($"{source}: model_type '{type}' is not supported; expected 'llama'");
        if (json["rope_scaling"] is { } scaling) throw new PbenchException($"{source}: rope_scaling {scaling.ToJsonString()} is not supported; expected null");
        foreach (var key in new[] { "attention_bias", "mlp_bias" })
            if (json[key] is JsonValue bias && bias.GetValue<bool>())
                throw new PbenchException($"{source}: {key} true is not supported; expected false");

        var heads = Integer("num_attention_heads");
        var config = new LlamaConfig(
            Integer("vocab_size"),
            Integer("hidden_size"),
            Integer("num_hidden_layers"),
            heads,
            json["num_key_value_heads"] is null ? heads : Integer("num_key_value_heads"),
            Integer("intermediate_size"),
            Integer("max_position_embeddings"),
            json["rope_theta"] is null ? 10000 : Real("rope_theta"),
            json["rms_norm_eps"] is null ? 1e-6 : Real("rms_norm_eps"),
            json["tie_word_embeddings"] is JsonValue tied && tied.GetValue<bool>()).Validated(source);
        if (json["head_dim"] is not null && Integer("head_dim") != config.HeadDimension)
            throw new PbenchException($"{source}: head_dim {Integer("head_dim")} is not supported; expected hidden_size / num_attention_heads = {config.HeadDimension}");
        return config;

        int Integer(string key) => json[key] is JsonValue v && v.TryGetValue(out int i) ? i : throw new PbenchException($"{source}: {key}: expected an integer, not {json[key]?.ToJsonString() ?? "nothing"}");
        double Real(string key) => json[key] is JsonValue v && v.TryGetValue(out double d) ? d : throw new PbenchException($"{source}: {key}: expected a number, not {json[key]?.ToJsonString() ?? "nothing"}");
    }

    /// <summary>The text of a Hugging Face <c>config.json</c>; ends with a line feed.</summary>
    public string ToJson() => new JsonObject
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["model_type"] = "llama",
        ["vocab_size"] = VocabularySize,
        ["hidden_size"] = Dimension,
        ["num_hidden_layers"] = Layers,
        ["num_attention_heads"] = Heads,
        ["num_key_value_heads"] = KeyValueHeads,
        ["intermediate_size"] = HiddenDimension,
        ["max_position_embeddings"] = ContextLength,
        ["rope_theta"] = RopeTheta,
        ["rms_norm_eps"] = NormEpsilon,
        ["tie_word_embeddings"] = TiedHead,
        ["hidden_act"] = "silu",
        ["attention_bias"] = false,
        ["mlp_bias"] = false,
        ["torch_dtype"] = "bfloat16",
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
}

/// <summary>Hugging Face's names of a Llama's weights.</summary>
public static class LlamaNames
{
    public const string Embedding = "model.embed_tokens.weight";
    public const string FinalNorm = "model.norm.weight";
    public const string Head = "lm_head.weight";

    /// <summary>The seven projections of a block, in the order of <c>model.safetensors</c> written here.</summary>
    public static readonly IReadOnlyList<string> Projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>Which of them share their input and are computed as one product: q k v, o, gate up, down.</summary>
    internal static readonly IReadOnlyList<IReadOnlyList<int>> Products = [[0, 1, 2], [3], [4, 5], [6]];

    public static string AttentionNorm(int layer) => FormattableString.Invariant($"model.layers.{layer}.input_layernorm.weight");

    public static string MlpNorm(int layer) => FormattableString.Invariant($"model.layers.{layer}.post_attention_layernorm.weight");

    public static string Projection(int layer, string module) => $"{Module(layer, module)}.weight";

    /// <summary>Path of a projection's module, such as <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public static string Module(int layer, string module) =>
        FormattableString.Invariant($"model.layers.{layer}.{(module is "gate_proj" or "up_proj" or "gate_up_proj" or "down_proj" ? "mlp" : "self_attn")}.{module}");
}
