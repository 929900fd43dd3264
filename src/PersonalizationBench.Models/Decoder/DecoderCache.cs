using TorchSharp;

namespace PersonalizationBench.Models;

/// <summary>What a model keeps of a batch between tokens: keys and values, or states.</summary>
internal sealed class DecoderCache : IDisposable
{
    /// <param name="capacity">Longest sequence; states do not grow with it.</param>
    public DecoderCache(DecoderConfig config, int rows, int capacity, torch.ScalarType type, string device)
    {
        if (config.Recurrent is { } shape) States = new StateCache(config, shape, rows, type, device);
        else Keys = new KvCache(config, rows, capacity, type, device);
    }

    public KvCache? Keys { get; }

    public StateCache? States { get; }

    public long Bytes => Keys?.Bytes ?? States!.Bytes;

    /// <summary>Bytes of a cache before it is made.</summary>
    public static long BytesOf(DecoderConfig config, int rows, int capacity, torch.ScalarType type) =>
        rows * (config.Recurrent is { } shape ? StateCache.BytesPerRow(config, shape, type) : capacity * KvCache.BytesPerToken(config, type));

    public void Dispose()
    {
        Keys?.Dispose();
        States?.Dispose();
    }
}
