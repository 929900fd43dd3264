using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>A number that a revision is to be measured at; see <see cref="Evaluation"/>.</summary>
public sealed record Measured(string Name, double Value, string? Details = null);

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

    /// <summary>Adds an adapter with what it was measured at and moves a pointer to it, unless the policy has a revision of the same bytes
    /// already: then only what an interruption left out is made up for, and a pointer that has gone on to a later revision stays.</summary>
    /// <returns>The new revision; null where there was one.</returns>
    public Revision? AddOnce(string policy, PeftAdapter adapter, DecoderConfig config, NewRevision origin, IReadOnlyList<Measured> measured, string pointer)
    {
        var found = Find(policy) is null ? null : RevisionOf(policy, Digest.Of(AdapterBlob.Pack(adapter)));
        var revision = found ?? Add(policy, adapter, config, origin);
        if (found is null || registry.Evaluations(owner, policy, revision.Number).Count == 0) Record(policy, revision.Number, measured);
        int? before = registry.Pointers(owner, policy).FirstOrDefault(p => p.Name == pointer)?.Revision;
        if (before is null || before < revision.Number) registry.Publish(owner, policy, pointer, revision.Number, before, actor);
        return found is null ? revision : null;
    }

    /// <summary>Attaches what a revision was measured at.</summary>
    public void Record(string policy, int revision, IEnumerable<Measured> measured)
    {
        foreach (var one in measured) registry.Evaluate(owner, policy, revision, one.Name, one.Value, one.Details, actor);
    }

    /// <summary>Moves a pointer from wherever it stands now; whoever moved it in between wins (<see cref="RegistryError.Conflict"/>).</summary>
    public void Point(string policy, string pointer, int revision) =>
        registry.Publish(owner, policy, pointer, revision, registry.Pointers(owner, policy).FirstOrDefault(p => p.Name == pointer)?.Revision, actor);

    /// <summary>The last one with this digest; null where there is none.</summary>
    private Revision? RevisionOf(string policy, string digest)
    {
        Revision? found = null;
        for (var page = registry.Revisions(owner, policy); page.Count > 0; page = registry.Revisions(owner, policy, page[^1].Number))
            found = page.LastOrDefault(r => r.Digest == digest) ?? found;
        return found;
    }

    /// <summary>Null where the owner has none of this id.</summary>
    public Policy? Find(string policy)
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
