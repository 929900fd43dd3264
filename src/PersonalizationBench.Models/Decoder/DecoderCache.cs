using TorchSharp;

namespace PersonalizationBench.Models;

/// <summary>What a model keeps of a batch between tokens: keys and values, or states.</summary>
internal sealed class DecoderCache : IDisposable
{
    private readonly torch.Device _device;

    private DecoderCache(StateCache states, torch.Device device) => (States, _device) = (states, device);

    /// <param name="capacity">Longest sequence; states do not grow with it.</param>
    public DecoderCache(DecoderConfig config, int rows, int capacity, torch.ScalarType type, string device)
    {
        _device = torch.device(device);
        if (config.Recurrent is { } shape) States = new StateCache(config, shape, rows, type, device);
        else Keys = new KvCache(config, rows, capacity, type, device);
    }

    public KvCache? Keys { get; }

    public StateCache? States { get; }

    public long Bytes => Keys?.Bytes ?? States!.Bytes;

    /// <summary>Bytes of a cache before it is made.</summary>
    public static long BytesOf(DecoderConfig config, int rows, int capacity, torch.ScalarType type) =>
        rows * (config.Recurrent is { } shape ? StateCache.BytesPerRow(config, shape, type) : capacity * KvCache.BytesPerToken(config, type));

    /// <summary>Each row goes on from where a row of another cache stands.</summary>
    /// <param name="rows">Of each row here, the row there.</param>
    public void Branch(DecoderCache from, IEnumerable<int> rows)
    {
        using var scope = torch.NewDisposeScope();
        var index = torch.tensor(rows.Select(r => (long)r).ToArray()).to(_device);
        Keys?.CopyStarts(from.Keys!, index);
        States?.CopyFrom(from.States!, index);
    }

    /// <summary>The first rows of states, in place; lives in the current dispose scope.</summary>
    public DecoderCache First(int rows) => new(States!.First(rows), _device);

    public void Dispose()
    {
        Keys?.Dispose();
        States?.Dispose();
    }
}
