using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// A model's tensors as they lie in memory: query, key and value of a block are one matrix, gate and up another, so that
/// each is one product forward and one gradient back. By their names they are views of those.
/// </summary>
internal sealed class DecoderParameters : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = [];
    private readonly List<(string Name, Tensor Tensor)> _stored = [];

    /// <param name="make">Gives an owned tensor of the name and shape of one entry of the layout.</param>
    public DecoderParameters(DecoderConfig config, Func<string, long[], Tensor> make)
    {
        foreach (var (name, parts) in WeightNames.Layout(config))
        {
            var tensor = make(name, ShapeOf(config, parts)).DetachFromDisposeScope();
            _stored.Add((name, tensor));
            var row = 0L;
            foreach (var part in parts)
            {
                var rows = config.ShapeOf(part)[0];
                _views[part] = parts.Length == 1 ? tensor : tensor.narrow(0, row, rows).DetachFromDisposeScope();
                row += rows;
            }
        }
        Embedding = _views[WeightNames.Embedding];
        Positions = _views.GetValueOrDefault(WeightNames.Positions);
        Head = _views[config.TiedHead ? WeightNames.Embedding : WeightNames.Head];
        var at = _stored.ToDictionary(s => s.Name, s => s.Tensor);
        FinalNorm = Affine(WeightNames.FinalNorm);
        Blocks = [.. Enumerable.Range(0, config.Layers).Select(layer => config.Recurrent is null ? Transformer(layer) : Recurrent(layer))];

        DecoderBlock Transformer(int layer) => new(
            Optional(WeightNames.AttentionNorm(layer)), Affine(WeightNames.Projection(layer, "qkv_proj")), Affine(WeightNames.Projection(layer, "o_proj")))
        {
            QueryKeyNorms = config.QueryKeyNorm != QueryKeyNormKind.None ? new QueryKeyNorms(at[WeightNames.HeadNorm(layer, 'q')], at[WeightNames.HeadNorm(layer, 'k')]) : null,
            OutputNorm = Optional(WeightNames.OutputNorm(layer, WeightNames.MixerOutputNorm)),
            Mlp = new MlpWeights(Optional(WeightNames.MlpNorm(layer)), Affine(WeightNames.Projection(layer, "gate_up_proj")), Affine(WeightNames.Projection(layer, "down_proj")))
            {
                OutputNorm = Optional(WeightNames.OutputNorm(layer, WeightNames.MlpOutputNorm)),
            },
        };
        DecoderBlock Recurrent(int layer)
        {
            var block = new DecoderBlock(Affine(WeightNames.AttentionNorm(layer)), Affine(WeightNames.Projection(layer, "in_proj")), Affine(WeightNames.Projection(layer, "out_proj")));
            var convolution = Affine(WeightNames.Mixer(layer, "conv1d.weight"));
            return config.Selective is null
                ? block with { StateSpace = new StateSpaceWeights(convolution.Weight, convolution.Bias, Mixer("dt_bias"), Mixer("A_log"), Mixer("D"), Mixer("norm.weight")) }
                : block with { Selective = new SelectiveWeights(convolution.Weight, convolution.Bias, Mixer("x_proj.weight"), Mixer("dt_proj.weight"), Mixer("dt_proj.bias"), Mixer("A_log"), Mixer("D")) };

            Tensor Mixer(string name) => at[WeightNames.Mixer(layer, name)];
        }
        Affine? Optional(string name) => at.ContainsKey(name) ? Affine(name) : null;
        Affine Affine(string name) => new(at[name], at.GetValueOrDefault(WeightNames.Bias(name)));
    }

    /// <summary>What is in memory, each tensor once.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Stored => _stored;

    public Tensor Embedding { get; }

    /// <summary>[context, d]; null where positions are rotations.</summary>
    public Tensor? Positions { get; }

    public Affine FinalNorm { get; }

    public Tensor Head { get; }

    public DecoderBlock[] Blocks { get; }

    /// <summary>By name.</summary>
    public Tensor this[string name] => _views[name];

    public void Dispose()
    {
        foreach (var view in _views.Values) view.Dispose();
        foreach (var (_, tensor) in _stored) tensor.Dispose();
    }

    private static long[] ShapeOf(DecoderConfig config, string[] parts)
    {
        var shapes = parts.Select(config.ShapeOf).ToList();
        return [shapes.Sum(s => s[0]), .. shapes[0].Skip(1)];
    }
}

/// <summary>A projection's or a norm's weight and, where it has one, its bias.</summary>
internal readonly record struct Affine(Tensor Weight, Tensor? Bias);

/// <summary>One block's tensors: a mixer of tokens between two projections and, in a transformer, a second half.</summary>
/// <param name="Input">[q + 2 kv, d]: rows of q_proj, k_proj, v_proj; or in_proj.</param>
/// <param name="Output">[d, q]: o_proj; or out_proj.</param>
/// <param name="MixerNorm">Of what goes in; null where only what comes out is normalized.</param>
internal sealed record DecoderBlock(Affine? MixerNorm, Affine Input, Affine Output)
{
    /// <summary>Of what the mixer adds; null where it is added as it is.</summary>
    public Affine? OutputNorm { get; init; }

    /// <summary>Null where queries and keys are not normalized.</summary>
    public QueryKeyNorms? QueryKeyNorms { get; init; }

    /// <summary>Null in a state-space model.</summary>
    public MlpWeights? Mlp { get; init; }

    /// <summary>Null where this is no Mamba-2.</summary>
    public StateSpaceWeights? StateSpace { get; init; }

    /// <summary>Null where this is no Mamba.</summary>
    public SelectiveWeights? Selective { get; init; }
}

/// <summary>Of queries and keys, [width of a head] each, or of all heads together.</summary>
internal sealed record QueryKeyNorms(Tensor Query, Tensor Key);

/// <param name="GateUp">[2 f, d]: rows of gate_proj, up_proj; [f, d] where there is no gate.</param>
/// <param name="Norm">Of what goes in; null where only what comes out is normalized.</param>
internal sealed record MlpWeights(Affine? Norm, Affine GateUp, Affine Down)
{
    /// <summary>Of what is added; null where it is added as it is.</summary>
    public Affine? OutputNorm { get; init; }
}
