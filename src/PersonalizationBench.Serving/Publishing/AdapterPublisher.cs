using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>Puts adapters into a registry on behalf of one owner.</summary>
/// <param name="actor">Who does it, for the audit log.</param>
public sealed class AdapterPublisher(IRegistry registry, string owner, string actor)
{
    /// <summary>Checks the adapter, stores its blob and records it as the policy's next revision; a policy that is not there is created
    /// with the adapter's rank and modules.</summary>
    /// <param name="config">Of the base that the adapter is of.</param>
    /// <param name="origin">What is known of its training; the digest is filled in.</param>
    public Revision Add(string policy, PeftAdapter adapter, DecoderConfig config, NewRevision origin)
    {
        var found = Find(policy) ?? Create(policy, adapter, config);
        AdapterBlob.Check(adapter, found, config, "adapter");
        return registry.AddRevision(owner, policy, origin with { Digest = registry.Blobs.Put(AdapterBlob.Pack(adapter)) }, actor);
    }

    /// <summary>Moves a pointer from wherever it stands now; whoever moved it in between wins (<see cref="RegistryError.Conflict"/>).</summary>
    public void Point(string policy, string pointer, int revision) =>
        registry.Publish(owner, policy, pointer, revision, registry.Pointers(owner, policy).FirstOrDefault(p => p.Name == pointer)?.Revision, actor);

    private Policy? Find(string policy)
    {
        try
        {
            return registry.FindPolicy(owner, policy);
        }
        catch (RegistryException e) when (e.Error == RegistryError.Missing)
        {
            return null;
        }
    }

    private Policy Create(string policy, PeftAdapter adapter, DecoderConfig config)
    {
        var ranks = adapter.RequireShapes(config, "adapter");
        return registry.CreatePolicy(new NewPolicy(policy, owner, adapter.BaseDigest ?? "", ranks.Values.Max(), [.. config.Projections.Where(ranks.ContainsKey)]), actor);
    }
}
