using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// Cartridges of several users: keys and values of a few positions that stand before whatever is read for a user, per layer
/// <c>[slots, K, P, d]</c>, f32 (Eyuboglu et al., 2025, arXiv:2506.06266). They begin as what the base makes of a text; all but those of the
/// first position, on which attention rests, are trained (<see cref="CartridgeTrainer"/>).
/// </summary>
public sealed class CartridgeBank : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)[] _layers;
    private DecoderCache? _cache;

    /// <param name="tokens">P, at least 2.</param>
    /// <exception cref="PbenchException">The base keeps states, not keys and values, or has no room for so many.</exception>
    public CartridgeBank(DecoderConfig config, int slots, int tokens, string device)
    {
        if (config.Recurrent is not null) throw new PbenchException("a state-space model has no keys and values to be a cartridge");
        if (tokens < 2 || tokens > config.ContextLength / 4) throw new PbenchException($"a cartridge of {tokens} tokens; expected 2 to {config.ContextLength / 4}, a quarter of the base's context");
        (Config, Slots, Tokens) = (config, slots, tokens);
        _layers = [.. Enumerable.Range(0, config.Layers).Select(_ => (Room(), Room()))];

        Tensor Room() => zeros([slots, config.KeyValueHeads, tokens, config.HeadDimension], ScalarType.Float32, torch.device(device)).DetachFromDisposeScope();
    }

    public DecoderConfig Config { get; }

    public int Slots { get; }

    /// <summary>Positions that a cartridge takes of the context.</summary>
    public int Tokens { get; }

    /// <summary>Trained numbers of one cartridge.</summary>
    public long ParametersPerSlot => 2L * Config.Layers * (Tokens - 1) * Config.KeyValueDimension;

    /// <summary>Bytes of one cartridge, in f32.</summary>
    public long BytesPerSlot => sizeof(float) * 2L * Config.Layers * Tokens * Config.KeyValueDimension;

    internal IReadOnlyList<(Tensor Keys, Tensor Values)> Layers => _layers;

    /// <summary>A slot becomes what the base makes of the first tokens of a text; a shorter one is read again from its start.</summary>
    /// <param name="text">With what is put before every text.</param>
    public void Initialise(LoadedBase loaded, int slot, int[] text)
    {
        if (text.Length == 0) throw new ArgumentException("a text without tokens", nameof(text));
        using var scope = NewDisposeScope();
        using var off = no_grad();
        using var cache = new DecoderCache(Config, 1, Tokens, loaded.Weights.ComputeType, loaded.Weights.Device);
        int[] read = [.. Enumerable.Range(0, Tokens).Select(i => text[i % text.Length])];
        DecoderNetwork.Forward(Config, loaded.Weights.Compute, loaded.Weights.Compute.Embedding, loaded.Rotary, new TokenRows(Batches.Padded([read], Tokens, loaded.Weights.Device), null), null, cache);
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            var (keys, values) = cache.Keys!.Read(layer, Tokens);
            _layers[layer].Keys.select(0, slot).copy_(keys.select(0, 0));
            _layers[layer].Values.select(0, slot).copy_(values.select(0, 0));
        }
        Changed();
    }

    /// <summary>All slots as a cache whose rows they are, in the products' type; the bank's own.</summary>
    internal DecoderCache CacheOf(ScalarType type)
    {
        if (_cache is not null) return _cache;
        using var off = no_grad();
        _cache = new DecoderCache(Config, Slots, Tokens, type, _layers[0].Keys.device_type == DeviceType.CPU ? "cpu" : "cuda");
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            using var scope = NewDisposeScope();
            _cache.Keys!.WriteStart(layer, _layers[layer].Keys.transpose(1, 2), _layers[layer].Values.transpose(1, 2));
        }
        return _cache;
    }

    /// <summary>To be called after keys or values were written.</summary>
    internal void Changed()
    {
        _cache?.Dispose();
        _cache = null;
    }

    /// <summary>Sequences by whose cartridge stands before them.</summary>
    internal IReadOnlyList<PrefixGroup> Groups(IReadOnlyList<ReadSequence> sequences) =>
    [
        .. Enumerable.Range(0, sequences.Count).Where(i => sequences[i].Slot < 0).Select(i => new PrefixGroup([i], 0)),
        .. Enumerable.Range(0, sequences.Count).Where(i => sequences[i].Slot >= 0).GroupBy(i => sequences[i].Slot).Select(g => new PrefixGroup([.. g], Tokens)),
    ];

    /// <summary>A prompt with room for a cartridge before it; ids there are never looked at.</summary>
    internal int[] Behind(int[] prompt) => [.. Enumerable.Repeat(0, Tokens), .. prompt];

    public void Dispose()
    {
        Changed();
        foreach (var (keys, values) in _layers)
        {
            keys.Dispose();
            values.Dispose();
        }
    }
}
