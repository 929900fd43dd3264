using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Cosines and sines of every position's rotary angles, f32, <c>[context, d/2]</c>, d being what turns of a head (0 for
/// learned positions).</summary>
internal sealed class RotaryTable : IDisposable
{
    private readonly Tensor _cos, _sin;
    private readonly RotaryTable? _windowed;

    /// <summary>Bytes that making it takes.</summary>
    public static double BytesOf(DecoderConfig config) => (config.WindowedRopeTheta is null ? 2.0 : 4.0) * (sizeof(float) + sizeof(float)) * config.ContextLength * (config.RotaryDimension / 2);

    public RotaryTable(DecoderConfig config, string device)
    {
        var half = config.RotaryDimension / 2;
        var (cos, sin) = (new float[(long)config.ContextLength * half], new float[(long)config.ContextLength * half]);
        for (var i = 0; i < half; i++)
        {
            // Single precision as in llama2.c and Hugging Face, whose weights were trained with these very angles.
            var frequency = 1.0 / Math.Pow(config.RopeTheta, 2.0 * i / config.RotaryDimension);
            var turn = (float)(config.RopeScaling?.Of(frequency) ?? frequency);
            for (var position = 0; position < config.ContextLength; position++)
                (cos[position * half + i], sin[position * half + i]) = (MathF.Cos(position * turn), MathF.Sin(position * turn));
        }
        _cos = Place(cos, config, half, device);
        _sin = Place(sin, config, half, device);
        if (config.WindowedRopeTheta is { } other) _windowed = new RotaryTable(config with { RopeTheta = other, RopeScaling = null, WindowedRopeTheta = null }, device);
    }

    /// <summary>Those of layers with a window, where they are others.</summary>
    public RotaryTable? Windowed => _windowed;

    /// <summary>Of all positions, [context, d/2].</summary>
    public (Tensor Cos, Tensor Sin) All => (_cos, _sin);

    /// <summary>Of positions start .. start + length - 1: [1, length, 1, d/2].</summary>
    public (Tensor Cos, Tensor Sin) Range(int start, int length) =>
        (_cos.narrow(0, start, length).view(1, length, 1, -1), _sin.narrow(0, start, length).view(1, length, 1, -1));

    /// <summary>Of one position per row: [B, 1, 1, d/2].</summary>
    public (Tensor Cos, Tensor Sin) Of(Tensor positions)
    {
        var rows = positions.numel();
        return (_cos.index_select(0, positions).view(rows, 1, 1, -1), _sin.index_select(0, positions).view(rows, 1, 1, -1));
    }

    /// <summary>Of every token of one row: [1, T, 1, d/2].</summary>
    public (Tensor Cos, Tensor Sin) Row(Tensor positions)
    {
        var length = positions.numel();
        return (_cos.index_select(0, positions).view(1, length, 1, -1), _sin.index_select(0, positions).view(1, length, 1, -1));
    }

    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
        _windowed?.Dispose();
    }

    private static Tensor Place(float[] values, DecoderConfig config, int half, string device)
    {
        using var scope = NewDisposeScope();
        return tensor(values).view(config.ContextLength, half).to(torch.device(device), copy: true).DetachFromDisposeScope();
    }
}
