using System.Text.RegularExpressions;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>One tensor of a checkpoint and what it becomes here.</summary>
/// <param name="Name">As the file has it.</param>
/// <param name="Split">From its values to weights by <see cref="WeightNames"/>, row-major in their shapes.</param>
internal sealed record CheckpointTensor(string Name, long[] Shape, Func<float[], IEnumerable<(string Name, float[] Values)>> Split);

/// <summary>How the files of a <see cref="DecoderConfig.ModelType"/> call and lay out the weights.</summary>
internal static partial class CheckpointLayout
{
    /// <summary>Every tensor that the model needs.</summary>
    /// <param name="names">Those of the file: llama.cpp has its own, and GPT-2's are with or without <c>transformer.</c> before them.</param>
    public static IEnumerable<CheckpointTensor> Of(DecoderConfig config, IReadOnlyCollection<string> names) => config.ModelType switch
    {
        _ when names.Contains(GgufLayout.Embedding) => GgufLayout.Of(config),
        "gpt2" => Gpt2(config, names.Any(n => n.StartsWith("transformer.", StringComparison.Ordinal)) ? "transformer." : ""),
        "gpt_neox" => GptNeoX(config),
        "phi3" => Phi3(config),
        "gemma" or "gemma2" or "gemma3_text" => config.Shapes().Select(s => Gemma(config, s.Name, s.Shape)),
        _ => config.Shapes().Select(s => Renamed(Saved(config, s.Name, s.Shape), s.Name)),
    };

    /// <summary>A weight as its file has it; of a Llama the names here are the file's, and what lies otherwise in its file is not written.</summary>
    public static TensorData Saved(DecoderConfig config, TensorData weight)
    {
        var (name, shape) = Saved(config, weight.Name, weight.Shape);
        return weight with { Name = name, Shape = shape };
    }

    private static (string Name, long[] Shape) Saved(DecoderConfig config, string name, long[] shape) => name.Split('.') switch
    {
        ["model", "layers", var layer, WeightNames.MixerOutputNorm, var kind] => ($"model.layers.{layer}.post_attention_layernorm.{kind}", shape),
        ["model", "layers", var layer, WeightNames.MlpOutputNorm, var kind] => ($"model.layers.{layer}.post_feedforward_layernorm.{kind}", shape),
        ["model", "layers", var layer, "post_attention_layernorm", var kind] when config.NormPlacement == NormPlacement.Both => ($"model.layers.{layer}.pre_feedforward_layernorm.{kind}", shape),
        _ when config.Recurrent is null => (name, shape),
        [.., "embed_tokens", "weight"] => ("backbone.embeddings.weight", shape),
        ["model", "layers", var layer, "input_layernorm", "weight"] => ($"backbone.layers.{layer}.norm.weight", shape),
        ["model", "norm", "weight"] => ("backbone.norm_f.weight", shape),
        [.., "conv1d", "weight"] => (name, [shape[0], 1, shape[1]]),
        _ => (name, shape),
    };

    /// <summary>What embedding and head are called as modules of Hugging Face's classes.</summary>
    public static (string Embedding, string Head) Ends(DecoderConfig config) => config.ModelType switch
    {
        "gpt2" => ("transformer.wte", "lm_head"),
        "gpt_neox" => ("gpt_neox.embed_in", "embed_out"),
        _ => (config.Recurrent is null ? "model.embed_tokens" : "backbone.embeddings", "lm_head"),
    };

    /// <summary>The tensors under Hugging Face's names; llama.cpp's are read for that, every one.</summary>
    public static ITensorSource AsTransformers(DecoderConfig config, ITensorSource source) => !source.TensorNames.Contains(GgufLayout.Embedding) ? source : new TensorList(
        GgufLayout.Of(config).SelectMany(t => t.Split(source.ReadSingles(t.Name))).Select(w => TensorData.FromSingles(w.Name, w.Values, config.ShapeOf(w.Name))), source.Name);

    /// <summary>Tensors without a say: a tied head's copy, rotary frequencies and causal masks that older versions saved.</summary>
    public static bool IsIgnored(DecoderConfig config, string name) =>
        (config.TiedHead && name is WeightNames.Head or "embed_out.weight") || Buffer().IsMatch(name);

    [GeneratedRegex(@"(rotary_emb\.inv_freq|\battn\.(masked_)?bias|\battention\.(masked_)?bias)$")]
    private static partial Regex Buffer();

    private static CheckpointTensor Renamed((string Name, long[] Shape) saved, string weight) => Same(saved.Name, weight, saved.Shape);

    private static CheckpointTensor Same(string name, string weight, long[] shape) => new(name, shape, values => [(weight, values)]);

    /// <summary>What shares an input is one matrix in the file too.</summary>
    private static IEnumerable<CheckpointTensor> Phi3(DecoderConfig config)
    {
        var fused = Enumerable.Range(0, config.Layers).SelectMany(layer => FileModule.Of(config).Select(module => (Name: $"{module.Path(config, layer)}.weight", Weights: module.Projections.Select(p => WeightNames.Projection(layer, p)).ToArray()))).ToList();
        var parts = fused.SelectMany(f => f.Weights).ToHashSet();
        return config.Shapes().Where(s => !parts.Contains(s.Name)).Select(s => Same(s.Name, s.Name, s.Shape))
            .Concat(fused.Select(f => new CheckpointTensor(f.Name, [f.Weights.Sum(w => config.ShapeOf(w)[0]), config.ShapeOf(f.Weights[0])[1]], values => Parts(config, f.Weights, values))));
    }

    /// <summary>Its norms multiply by one more than what is stored.</summary>
    private static CheckpointTensor Gemma(DecoderConfig config, string weight, long[] shape)
    {
        var same = Renamed(Saved(config, weight, shape), weight);
        return weight.EndsWith("norm.weight", StringComparison.Ordinal) ? same with { Split = values => [(weight, Array.ConvertAll(values, v => 1 + v))] } : same;
    }

    /// <summary>Its projections are stored [in, out], query, key and value side by side.</summary>
    private static IEnumerable<CheckpointTensor> Gpt2(DecoderConfig config, string prefix)
    {
        yield return Plain("wte.weight", WeightNames.Embedding);
        yield return Plain("wpe.weight", WeightNames.Positions);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var (at, block) = (layer, FormattableString.Invariant($"h.{layer}."));
            foreach (var tensor in Norm(block + "ln_1", WeightNames.AttentionNorm(layer))) yield return tensor;
            foreach (var tensor in Norm(block + "ln_2", WeightNames.MlpNorm(layer))) yield return tensor;
            foreach (var tensor in FileModule.Of(config).SelectMany(Projection)) yield return tensor;

            IEnumerable<CheckpointTensor> Projection(FileModule module)
            {
                string[] weights = [.. module.Projections.Select(m => WeightNames.Projection(at, m))];
                var (output, input) = (module.Projections.Sum(m => config.ProjectionShape(m).Output), config.ProjectionShape(module.Projections[0]).Input);
                yield return new CheckpointTensor($"{prefix}{block}{module.Name}.weight", [input, output], values => Parts(config, weights, Transposed(values, input, output)));
                yield return new CheckpointTensor($"{prefix}{block}{module.Name}.bias", [output], values => Parts(config, [.. weights.Select(WeightNames.Bias)], values));
            }
        }
        foreach (var tensor in Norm("ln_f", WeightNames.FinalNorm)) yield return tensor;
        if (!config.TiedHead) yield return Same(WeightNames.Head, WeightNames.Head, config.ShapeOf(WeightNames.Head));

        CheckpointTensor Plain(string name, string weight) => Same(prefix + name, weight, config.ShapeOf(weight));
        IEnumerable<CheckpointTensor> Norm(string name, string weight) => [Plain($"{name}.weight", weight), Plain($"{name}.bias", WeightNames.Bias(weight))];
    }

    private static IEnumerable<CheckpointTensor> GptNeoX(DecoderConfig config)
    {
        yield return Plain("gpt_neox.embed_in.weight", WeightNames.Embedding);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var (at, block) = (layer, FormattableString.Invariant($"gpt_neox.layers.{layer}."));
            foreach (var tensor in Pair(block + "input_layernorm", WeightNames.AttentionNorm(layer), true)) yield return tensor;
            foreach (var tensor in Pair(block + "post_attention_layernorm", WeightNames.MlpNorm(layer), true)) yield return tensor;
            foreach (var tensor in FileModule.Of(config).SelectMany(Projection)) yield return tensor;

            IEnumerable<CheckpointTensor> Projection(FileModule module)
            {
                string[] weights = [.. module.Projections.Select(m => WeightNames.Projection(at, m))];
                var (output, input) = (module.Projections.Sum(m => config.ProjectionShape(m).Output), config.ProjectionShape(module.Projections[0]).Input);
                yield return new CheckpointTensor($"{block}{module.Name}.weight", [output, input], values => Parts(config, weights, module.RowsApart(config, values, input)));
                if (config.OutputBias || module.Name.StartsWith("mlp.", StringComparison.Ordinal))
                    yield return new CheckpointTensor($"{block}{module.Name}.bias", [output], values => Parts(config, [.. weights.Select(WeightNames.Bias)], module.RowsApart(config, values, 1)));
            }
        }
        foreach (var tensor in Pair("gpt_neox.final_layer_norm", WeightNames.FinalNorm, true)) yield return tensor;
        if (!config.TiedHead) yield return Plain("embed_out.weight", WeightNames.Head);

        CheckpointTensor Plain(string name, string weight) => Same(name, weight, config.ShapeOf(weight));
        IEnumerable<CheckpointTensor> Pair(string name, string weight, bool bias) =>
            bias ? [Plain($"{name}.weight", weight), Plain($"{name}.bias", WeightNames.Bias(weight))] : [Plain($"{name}.weight", weight)];
    }

    /// <summary>Rows one part after another.</summary>
    private static IEnumerable<(string, float[])> Parts(DecoderConfig config, string[] weights, float[] values)
    {
        var start = 0;
        foreach (var weight in weights)
        {
            var length = (int)config.ShapeOf(weight).Aggregate(1L, (a, b) => a * b);
            yield return (weight, values.AsSpan(start, length).ToArray());
            start += length;
        }
    }

    private static float[] Transposed(float[] values, int rows, int columns)
    {
        var turned = new float[values.Length];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++)
                turned[column * rows + row] = values[row * columns + column];
        return turned;
    }
}
