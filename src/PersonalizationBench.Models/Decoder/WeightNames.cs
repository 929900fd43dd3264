using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models;

/// <summary>What the weights are called here, whatever a checkpoint calls them: Hugging Face's names of a Llama's.</summary>
public static class WeightNames
{
    public const string Embedding = "model.embed_tokens.weight";
    public const string Positions = "model.embed_positions.weight";
    public const string FinalNorm = "model.norm.weight";
    public const string Head = "lm_head.weight";

    internal const string Gate = "gate_proj";

    private const string Input = "in_proj";

    /// <summary>Norms of what comes out of a block's halves, which no file calls so: what files call them names other norms elsewhere.</summary>
    internal const string MixerOutputNorm = "mixer_output_norm", MlpOutputNorm = "mlp_output_norm";

    internal static readonly IReadOnlyList<IReadOnlyList<string>> GatedProducts = [["q_proj", "k_proj", "v_proj"], ["o_proj"], [Gate, "up_proj"], ["down_proj"]];
    internal static readonly IReadOnlyList<IReadOnlyList<string>> PlainProducts = [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["up_proj"], ["down_proj"]];
    internal static readonly IReadOnlyList<IReadOnlyList<string>> RecurrentProducts = [[Input], ["out_proj"]];

    public static string AttentionNorm(int layer) => FormattableString.Invariant($"model.layers.{layer}.input_layernorm.weight");

    public static string MlpNorm(int layer) => FormattableString.Invariant($"model.layers.{layer}.post_attention_layernorm.weight");

    /// <param name="norm"><see cref="MixerOutputNorm"/> or <see cref="MlpOutputNorm"/></param>
    public static string OutputNorm(int layer, string norm) => FormattableString.Invariant($"model.layers.{layer}.{norm}.weight");

    /// <param name="which">q or k</param>
    public static string HeadNorm(int layer, char which) => FormattableString.Invariant($"model.layers.{layer}.self_attn.{which}_norm.weight");

    public static string Projection(int layer, string module) => $"{Module(layer, module)}.weight";

    public static string Bias(string weight) => $"{weight[..^"weight".Length]}bias";

    /// <summary>Path of a projection's module, such as <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public static string Module(int layer, string module) => module is Input or "out_proj" ? Mixer(layer, module) :
        FormattableString.Invariant($"model.layers.{layer}.{(module is Gate or "up_proj" or "gate_up_proj" or "down_proj" ? "mlp" : "self_attn")}.{module}");

    /// <param name="what">Of a Mamba or Mamba-2 mixer, such as <c>A_log</c>.</param>
    public static string Mixer(int layer, string what) => FormattableString.Invariant($"backbone.layers.{layer}.mixer.{what}");

    /// <summary>Norms, and what a state-space mixer has beside its products, stay in f32 whatever the products' precision.</summary>
    internal static bool StaysFloat32(string name) => name.Contains("norm.", StringComparison.Ordinal) ||
        (name.Contains(".mixer.", StringComparison.Ordinal) && !name.Contains(".in_proj.", StringComparison.Ordinal) && !name.Contains(".out_proj.", StringComparison.Ordinal));

    /// <summary>Weight decay would pull a matrix to what means something else: logarithms of decays, in Mamba, to a decay of one.</summary>
    internal static bool NeverDecays(string name) => name.EndsWith(".A_log", StringComparison.Ordinal);

    /// <summary>Every weight of a model, in the order of the file.</summary>
    internal static IEnumerable<string> Of(DecoderConfig config) => Layout(config).SelectMany(stored => stored.Parts);

    /// <summary>Each tensor as it lies in memory, with the names of its rows, in order: what shares an input is one matrix.</summary>
    internal static IEnumerable<(string Name, string[] Parts)> Layout(DecoderConfig config)
    {
        yield return Whole(Embedding);
        if (config.LearnedPositions) yield return Whole(Positions);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var at = layer;
            foreach (var norm in InputNorm(AttentionNorm(layer))) yield return norm;
            if (config.Recurrent is { } shape)
            {
                foreach (var name in MixerParts(shape)) yield return Whole(Mixer(layer, name));
                continue;
            }
            foreach (var stored in Joined("qkv_proj", ["q_proj", "k_proj", "v_proj"], config.QueryKeyValueBias)) yield return stored;
            if (config.QueryKeyNorm != QueryKeyNormKind.None)
            {
                yield return Whole(HeadNorm(layer, 'q'));
                yield return Whole(HeadNorm(layer, 'k'));
            }
            foreach (var stored in Joined("o_proj", ["o_proj"], config.OutputBias)) yield return stored;
            foreach (var norm in OutputNorms(MixerOutputNorm)) yield return norm;
            foreach (var norm in InputNorm(MlpNorm(layer))) yield return norm;
            foreach (var stored in Joined("gate_up_proj", config.IsGated ? [Gate, "up_proj"] : ["up_proj"], config.MlpBias)) yield return stored;
            foreach (var stored in Joined("down_proj", ["down_proj"], config.MlpBias)) yield return stored;
            foreach (var norm in OutputNorms(MlpOutputNorm)) yield return norm;

            IEnumerable<(string, string[])> OutputNorms(string name) => config.NormPlacement == NormPlacement.Inputs ? [] : Norm(OutputNorm(at, name));

            IEnumerable<(string, string[])> Joined(string name, string[] modules, bool bias)
            {
                string[] parts = [.. modules.Select(m => Projection(at, m))];
                yield return (Projection(at, name), parts);
                if (bias) yield return (Bias(Projection(at, name)), [.. parts.Select(Bias)]);
            }
        }
        foreach (var norm in Norm(FinalNorm)) yield return norm;
        if (!config.TiedHead) yield return Whole(Head);

        IEnumerable<(string, string[])> InputNorm(string name) => config.NormPlacement == NormPlacement.Outputs ? [] : Norm(name);

        IEnumerable<(string, string[])> Norm(string name)
        {
            yield return Whole(name);
            if (config.Norm == NormKind.Layer) yield return Whole(Bias(name));
        }

        static (string, string[]) Whole(string name) => (name, [name]);
    }

    private static IEnumerable<string> MixerParts(RecurrentShape shape)
    {
        var selective = shape as SelectiveShape;
        string[] convolution = shape.ConvolutionBias ? ["conv1d.weight", "conv1d.bias"] : ["conv1d.weight"];
        string[] own = selective is null ? ["dt_bias", "A_log", "D", "norm.weight"] : ["x_proj.weight", "dt_proj.weight", "dt_proj.bias", "A_log", "D"];
        return [.. Projection("in_proj"), .. convolution, .. own, .. Projection("out_proj")];

        string[] Projection(string name) => selective is { ProjectionBias: true } ? [$"{name}.weight", $"{name}.bias"] : [$"{name}.weight"];
    }
}
