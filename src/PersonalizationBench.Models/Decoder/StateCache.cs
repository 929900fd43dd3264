using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>What Mamba-2 keeps of a batch, whatever its length: per layer the convolution's last inputs [B, K - 1, mixed] and the
/// states [B, H, P, N], f32.</summary>
internal sealed class StateCache : IDisposable
{
    private readonly Tensor[] _inputs, _states;

    public StateCache(DecoderConfig config, StateSpaceShape shape, int rows, ScalarType type, string device)
    {
        _inputs = [.. Enumerable.Range(0, config.Layers).Select(_ => Room([rows, shape.ConvolutionWidth - 1, shape.Mixed], type))];
        _states = [.. Enumerable.Range(0, config.Layers).Select(_ => Room([rows, shape.Heads, shape.HeadDimension, shape.StateSize], ScalarType.Float32))];

        Tensor Room(long[] sizes, ScalarType type) => zeros(sizes, type, torch.device(device)).DetachFromDisposeScope();
    }

    public long Bytes => _inputs.Concat(_states).Sum(t => t.numel() * t.ElementSize);

    /// <summary>Bytes that one row takes.</summary>
    public static long BytesPerRow(DecoderConfig config, StateSpaceShape shape, ScalarType type) =>
        config.Layers * ((shape.ConvolutionWidth - 1L) * shape.Mixed * type.ElementSize() + 4L * shape.Inner * shape.StateSize);

    /// <summary>Written in place.</summary>
    public Tensor State(int layer) => _states[layer];

    /// <param name="seen">[B, K - 1 + T, mixed]: zeros, then the tokens.</param>
    /// <param name="lengths">Real tokens of each row.</param>
    /// <param name="states">Behind them.</param>
    public void Fill(int layer, Tensor seen, long[] lengths, Tensor states)
    {
        var (kept, width) = (_inputs[layer].size(1), seen.size(1));
        var places = lengths.SelectMany((length, row) => Enumerable.Range(0, (int)kept).Select(k => row * width + length + k)).ToArray();
        _inputs[layer].copy_(seen.reshape(-1, seen.size(2)).index_select(0, tensor(places).to(seen.device)).view(_inputs[layer].shape));
        _states[layer].copy_(states);
    }

    /// <summary>One further input per row, [B, 1, mixed]; returns the last K, [B, K, mixed].</summary>
    public Tensor Push(int layer, Tensor input)
    {
        var seen = cat([_inputs[layer], input], 1);
        _inputs[layer].copy_(seen.narrow(1, 1, seen.size(1) - 1));
        return seen;
    }

    public void Dispose()
    {
        foreach (var tensor in _inputs.Concat(_states)) tensor.Dispose();
    }
}
