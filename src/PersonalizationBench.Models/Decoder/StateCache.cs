using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>What Mamba or Mamba-2 keeps of a batch, whatever its length: per layer the convolution's last inputs [B, K - 1, mixed]
/// and the states, [B, inner, N] or [B, H, P, N], f32.</summary>
internal sealed class StateCache : IDisposable
{
    private readonly Tensor[] _inputs, _states;

    private StateCache(Tensor[] inputs, Tensor[] states) => (_inputs, _states) = (inputs, states);

    public StateCache(DecoderConfig config, RecurrentShape shape, int rows, ScalarType type, string device)
    {
        _inputs = [.. Enumerable.Range(0, config.Layers).Select(_ => Room([rows, shape.ConvolutionWidth - 1, shape.Mixed], type))];
        _states = [.. Enumerable.Range(0, config.Layers).Select(_ => Room([rows, .. shape.StateSizes], ScalarType.Float32))];

        Tensor Room(long[] sizes, ScalarType type) => zeros(sizes, type, torch.device(device)).DetachFromDisposeScope();
    }

    public long Bytes => _inputs.Concat(_states).Sum(t => t.numel() * t.ElementSize);

    /// <summary>Bytes that one row takes.</summary>
    public static long BytesPerRow(DecoderConfig config, RecurrentShape shape, ScalarType type) =>
        config.Layers * ((shape.ConvolutionWidth - 1L) * shape.Mixed * type.ElementSize() + 4L * shape.Inner * shape.StateSize);

    /// <summary>Of one layer, written in place.</summary>
    public StateSpaceMemory this[int layer] => new(_inputs[layer], _states[layer]);

    /// <summary>Each row becomes what a row of another cache holds.</summary>
    /// <param name="rows">Of each row here, the row there: [B].</param>
    public void CopyFrom(StateCache from, Tensor rows)
    {
        foreach (var (own, other) in _inputs.Zip(from._inputs).Concat(_states.Zip(from._states))) own.copy_(other.index_select(0, rows));
    }

    /// <summary>The first rows, in place: what is written to them is written here. Lives in the current dispose scope.</summary>
    public StateCache First(int rows) => new([.. _inputs.Select(t => t.narrow(0, 0, rows))], [.. _states.Select(t => t.narrow(0, 0, rows))]);

    public void Dispose()
    {
        foreach (var tensor in _inputs.Concat(_states)) tensor.Dispose();
    }
}
