using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Keys and values of a batch, per layer <c>[B, K, capacity, d]</c>; place p of a row holds its position p.</summary>
internal sealed class KvCache : IDisposable
{
    private readonly Tensor[] _keys, _values;
    private readonly DecoderConfig _config;

    public KvCache(DecoderConfig config, int rows, int capacity, ScalarType type, string device)
    {
        (_config, Capacity) = (config, capacity);
        _keys = [.. Enumerable.Range(0, config.Layers).Select(_ => Room())];
        _values = [.. Enumerable.Range(0, config.Layers).Select(_ => Room())];

        Tensor Room() => zeros([rows, config.KeyValueHeads, capacity, config.HeadDimension], type, torch.device(device)).DetachFromDisposeScope();
    }

    public int Capacity { get; }

    public long Bytes => _keys.Concat(_values).Sum(t => t.numel() * t.ElementSize);

    /// <summary>Bytes that one position of one row takes.</summary>
    public static long BytesPerToken(DecoderConfig config, ScalarType type) => 2L * config.Layers * config.KeyValueDimension * type.ElementSize();

    /// <summary>Keys and values [B, T, K, d] of positions 0 .. T - 1.</summary>
    public void WriteStart(int layer, Tensor key, Tensor value)
    {
        _keys[layer].narrow(2, 0, key.size(1)).copy_(key.transpose(1, 2));
        _values[layer].narrow(2, 0, value.size(1)).copy_(value.transpose(1, 2));
    }

    /// <summary>Keys and values [N, K, d] of N positions.</summary>
    /// <param name="places">From <see cref="Places"/>, of these positions.</param>
    public void Write(int layer, Tensor key, Tensor value, Tensor places)
    {
        var width = _config.HeadDimension;
        _keys[layer].view(-1, width).index_copy_(0, places, key.reshape(-1, width));
        _values[layer].view(-1, width).index_copy_(0, places, value.reshape(-1, width));
    }

    /// <summary>Where positions of rows lie when rows, heads and places are counted through: [N * K].</summary>
    public Tensor Places(IReadOnlyList<(int Row, long Position)> positions)
    {
        var heads = _config.KeyValueHeads;
        var places = new long[positions.Count * heads];
        for (var i = 0; i < positions.Count; i++)
            for (var head = 0; head < heads; head++)
                places[i * heads + head] = ((long)positions[i].Row * heads + head) * Capacity + positions[i].Position;
        return tensor(places).to(_keys[0].device);
    }

    /// <summary>Each row becomes what a row of another cache holds so far.</summary>
    /// <param name="rows">Of each row here, the row there: [B].</param>
    public void CopyStarts(KvCache from, Tensor rows)
    {
        for (var layer = 0; layer < _keys.Length; layer++)
        {
            _keys[layer].narrow(2, 0, from.Capacity).copy_(from._keys[layer].index_select(0, rows));
            _values[layer].narrow(2, 0, from.Capacity).copy_(from._values[layer].index_select(0, rows));
        }
    }

    /// <summary>The first <paramref name="span"/> places of a layer, [B, K, span, d].</summary>
    public (Tensor Keys, Tensor Values) Read(int layer, int span) => (_keys[layer].narrow(2, 0, span), _values[layer].narrow(2, 0, span));

    public void Dispose()
    {
        foreach (var tensor in _keys.Concat(_values)) tensor.Dispose();
    }
}
