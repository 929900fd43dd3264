using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>How llama.cpp calls and lays out the weights of a base. In its <c>llama</c> neighboring channels turn together, so the rows of
/// queries and keys lie in another order than here (<see cref="RotaryLayout"/>).</summary>
public static class GgufLayout
{
    internal const string Embedding = "token_embd.weight", Head = "output.weight";

    private static readonly Dictionary<string, string> Modules = new(StringComparer.Ordinal)
    {
        ["input_layernorm"] = "attn_norm",
        ["q_proj"] = "attn_q",
        ["k_proj"] = "attn_k",
        ["v_proj"] = "attn_v",
        ["o_proj"] = "attn_output",
        ["post_attention_layernorm"] = "ffn_norm",
        ["gate_proj"] = "ffn_gate",
        ["up_proj"] = "ffn_up",
        ["down_proj"] = "ffn_down",
    };

    /// <summary>What llama.cpp calls a weight.</summary>
    /// <param name="weight">By <see cref="WeightNames"/>.</param>
    public static string NameOf(string weight) => weight switch
    {
        WeightNames.Embedding => Embedding,
        WeightNames.FinalNorm => "output_norm.weight",
        WeightNames.Head => Head,
        _ when weight.Split('.') is ["model", "layers", var layer, .., var module, ("weight" or "bias") and var kind] && Modules.TryGetValue(module, out var name) => $"blk.{layer}.{name}.{kind}",
        _ => throw new PbenchException($"'{weight}' is not a weight of a plain Llama"),
    };

    /// <summary>Rows of a projection, of its bias, or of its adapter's B, from the order here to llama.cpp's.</summary>
    /// <param name="module">Such as <c>q_proj</c>; rows of others than queries and keys stay where they are.</param>
    public static float[] Interleaved(DecoderConfig config, string module, float[] values) =>
        HeadsOf(config, module) is { } heads ? RotaryLayout.HalfToInterleaved(values, heads, config.HeadDimension, values.Length / (heads * config.HeadDimension)) : values;

    /// <summary>Every tensor of a file, and what it becomes here.</summary>
    internal static IEnumerable<CheckpointTensor> Of(DecoderConfig config) =>
        config.Shapes().Select(s => new CheckpointTensor(NameOf(s.Name), s.Shape, values => [(s.Name, InHalves(config, s.Name.Split('.')[^2], values))]));

    private static float[] InHalves(DecoderConfig config, string module, float[] values) =>
        HeadsOf(config, module) is { } heads ? RotaryLayout.InterleavedToHalf(values, heads, config.HeadDimension, values.Length / (heads * config.HeadDimension)) : values;

    private static int? HeadsOf(DecoderConfig config, string module) => (config.ModelType, module) switch
    {
        ("llama", "q_proj") => config.Heads,
        ("llama", "k_proj") => config.KeyValueHeads,
        _ => null,
    };
}
