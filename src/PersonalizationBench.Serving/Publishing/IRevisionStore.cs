using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>A revision with its adapter, read and verified.</summary>
public sealed record StoredAdapter(int Revision, PeftAdapter Adapter);

/// <summary>One owner's policies: a registry opened here, or a server's over HTTP.</summary>
public interface IRevisionStore : IDisposable
{
    /// <summary>What a pointer stands for; null where policy or pointer are not there.</summary>
    Task<StoredAdapter?> FindAsync(string policy, string pointer, CancellationToken cancellation);

    /// <summary>Adds the policy's next revision with what it was measured at; a policy that is not there is created.</summary>
    /// <returns>Its number.</returns>
    Task<int> AddAsync(string policy, PeftAdapter adapter, DecoderConfig config, NewRevision origin, IReadOnlyList<Measured> measured, CancellationToken cancellation);

    /// <summary>Moves a pointer that stands where expected (null: does not exist); <see cref="RegistryError.Conflict"/> where it does not.</summary>
    Task PublishAsync(string policy, string pointer, int revision, int? expected, CancellationToken cancellation);
}

/// <summary>A registry opened here; it stays the caller's.</summary>
public sealed class RegistryRevisions(IRegistry registry, string owner) : IRevisionStore
{
    private const string Actor = "pbench adapt";

    private readonly AdapterPublisher _publisher = new(registry, owner, Actor);

    public Task<StoredAdapter?> FindAsync(string policy, string pointer, CancellationToken cancellation)
    {
        PolicyId.RequirePointer(pointer);
        if (_publisher.Find(policy) is null || registry.Pointers(owner, policy).All(p => p.Name != pointer)) return Task.FromResult<StoredAdapter?>(null);
        var revision = registry.Resolve(owner, $"{policy}@{pointer}");
        return Task.FromResult<StoredAdapter?>(new StoredAdapter(revision.Number, AdapterBlob.Read(registry.Blobs.Read(revision.Digest), FormattableString.Invariant($"{policy}@{revision.Number}"))));
    }

    public Task<int> AddAsync(string policy, PeftAdapter adapter, DecoderConfig config, NewRevision origin, IReadOnlyList<Measured> measured, CancellationToken cancellation)
    {
        var revision = _publisher.Add(policy, adapter, config, origin);
        _publisher.Record(policy, revision.Number, measured);
        return Task.FromResult(revision.Number);
    }

    public Task PublishAsync(string policy, string pointer, int revision, int? expected, CancellationToken cancellation)
    {
        registry.Publish(owner, policy, pointer, revision, expected, Actor);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
    }
}
