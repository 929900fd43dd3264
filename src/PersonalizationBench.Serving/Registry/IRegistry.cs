namespace PersonalizationBench.Serving;

/// <summary>
/// Which personal models there are, what was exported of each, and which of it requests get. A change and its line in the audit log are
/// one transaction: visible whole or not at all, and durable once the call returns.
/// </summary>
/// <remarks>
/// Calls are synchronous: a look-up in the embedded database takes microseconds, less than a task costs. They may come from any thread.
/// All but <see cref="Authenticate"/> and <see cref="CollectBlobs"/> are on behalf of an owner, to whom other owners' policies do not
/// exist. Refusals are <see cref="RegistryException"/>s.
/// </remarks>
public interface IRegistry : IDisposable
{
    /// <summary>Where the revisions' bytes are.</summary>
    IBlobStore Blobs { get; }

    /// <summary>Conflict where the owner has, or had, a policy with this id: an id that was deleted is not used again, so that the audit
    /// log's <c>policy@revision</c> names one content for ever.</summary>
    Policy CreatePolicy(NewPolicy policy, string actor);

    Policy FindPolicy(string owner, string policy);

    /// <summary>An owner's policies by ascending (ordinal) id.</summary>
    /// <param name="after">The last id of the page before; null: the first page.</param>
    IReadOnlyList<Policy> Policies(string owner, string? after = null, int limit = 100);

    /// <summary>Removes the policy with its revisions, pointers and evaluations; its blobs go with the next <see cref="CollectBlobs"/>, the
    /// audit log stays.</summary>
    void DeletePolicy(string owner, string policy, string actor);

    /// <summary>Records a blob that was put as the policy's next revision. Invalid where blob or parent are missing, over quota where its
    /// bytes are too many.</summary>
    Revision AddRevision(string owner, string policy, NewRevision revision, string actor);

    /// <summary>By ascending number, those above <paramref name="after"/>.</summary>
    IReadOnlyList<Revision> Revisions(string owner, string policy, int after = 0, int limit = 100);

    /// <summary>The revision that <c>policy</c>, <c>policy@7</c> or <c>policy@pointer</c> means at this moment.</summary>
    Revision Resolve(string owner, string spec);

    /// <summary>A revision with all it descends from.</summary>
    Provenance ProvenanceOf(string owner, string policy, int revision);

    /// <param name="value">Finite.</param>
    Evaluation Evaluate(string owner, string policy, int revision, string name, double value, string? details, string actor);

    /// <summary>In the order they were made.</summary>
    IReadOnlyList<Evaluation> Evaluations(string owner, string policy, int revision);

    /// <summary>Moves a pointer, if it stands where <paramref name="expected"/> says (null: if it does not exist). Of several callers with
    /// the same expectation one succeeds, the others get a conflict.</summary>
    void Publish(string owner, string policy, string pointer, int revision, int? expected, string actor);

    /// <summary>The same to an earlier revision.</summary>
    void Rollback(string owner, string policy, string pointer, int revision, int expected, string actor);

    /// <summary>By ascending name.</summary>
    IReadOnlyList<Pointer> Pointers(string owner, string policy);

    /// <summary>In the order of the changes, those above <paramref name="after"/>; of a deleted policy too.</summary>
    /// <param name="policy">Null: all that was done to this owner's, keys and quota included.</param>
    IReadOnlyList<AuditEntry> Audit(string owner, string? policy = null, long after = 0, int limit = 1000);

    /// <summary>Zero bytes and no quota for an owner who has nothing.</summary>
    OwnerUsage Usage(string owner);

    /// <param name="bytes">At least 0; null: no limit. What is there already stays, even where it is more.</param>
    void SetQuota(string owner, long? bytes, string actor);

    /// <summary>The secret is in the answer and nowhere else.</summary>
    IssuedKey CreateKey(string owner, KeyKind kind, string actor);

    /// <summary>From the next <see cref="Authenticate"/> on. Revoking twice is harmless.</summary>
    void RevokeKey(string owner, long key, string actor);

    IReadOnlyList<ApiKey> Keys(string owner);

    /// <summary>Whose key it is and of which kind; null where it is nobody's, or was revoked. Asks the database every time.</summary>
    ApiKey? Authenticate(string secret);

    /// <summary>Creates policies with one revision each that is <see cref="Pointer.Live"/>, all in one transaction.</summary>
    void Import(IReadOnlyCollection<(NewPolicy Policy, NewRevision Revision)> policies, string actor);

    /// <summary>Deletes blobs that no revision names and that were not put within <paramref name="grace"/>: an upload puts its blob
    /// before it adds the revision.</summary>
    Collected CollectBlobs(TimeSpan grace);
}
