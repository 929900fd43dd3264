using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Serving;

/// <summary>What the endpoints work with.</summary>
/// <param name="Config">Of the base.</param>
/// <param name="Stops">Tokens that end an answer.</param>
/// <param name="ChatTemplate">Read when first asked for; null where the base has none.</param>
public sealed record ServerParts(
    BaseInfo Base, DecoderConfig Config, ITokenizer Tokenizer, IReadOnlySet<int> Stops, Lazy<ChatTemplate?> ChatTemplate,
    ServingEngine Engine, AdapterCache Adapters, IRegistry Registry, TimeProvider Clock);

/// <summary>Adapters from the registry's blobs: the buffer that was hashed is the one that is parsed and packed.</summary>
public sealed class RegistryAdapterSource(IBlobStore blobs, AdapterLayout layout, string baseDigest) : IAdapterSource
{
    public AdapterImage Load(string digest)
    {
        var source = $"revision with digest {digest}";
        using var blob = blobs.Rent(digest);
        var adapter = AdapterBlob.Read(blob.Memory, source, isHashed: true);
        adapter.RequireBase(baseDigest, source);
        return layout.Pack(adapter, source);
    }

    public void Recycle(AdapterImage image) => layout.Recycle(image);
}
