namespace PersonalizationBench.Serving;

/// <summary>The durable identity of one personal model. Its weights are its revisions'.</summary>
/// <param name="Id">By <see cref="PolicyId"/>; unique among its owner's, deleted ones included.</param>
/// <param name="Owner">Whose it is, by the same syntax. Two owners may use the same id and learn nothing of each other by it.</param>
/// <param name="Base">SHA-256 of the base that its adapters belong to, lower-case hex.</param>
/// <param name="Rank">Highest rank that an adapter of it may have.</param>
/// <param name="Modules">Projections that an adapter of it may change, such as q_proj.</param>
/// <param name="Created">To the millisecond, UTC.</param>
public sealed record Policy(string Id, string Owner, string Base, int Rank, IReadOnlyList<string> Modules, DateTimeOffset Created);

/// <summary>What a policy is created with; see <see cref="Policy"/>.</summary>
public sealed record NewPolicy(string Id, string Owner, string Base, int Rank, IReadOnlyList<string> Modules);

/// <summary>One immutable export of a policy's adapter.</summary>
/// <param name="Policy">The policy's id, of the owner who asked.</param>
/// <param name="Number">Counts from 1 within the policy.</param>
/// <param name="Digest">SHA-256 of the blob, lower-case hex.</param>
/// <param name="Bytes">Size of the blob.</param>
/// <param name="Parent">The revision of the same policy that it was trained from; null: from the base.</param>
/// <param name="Training">Settings of its training, a JSON object; null where they are not known.</param>
/// <param name="Data">SHA-256 of the data it was trained on, lower-case hex; null where it is not known.</param>
/// <param name="Code">Version of the code that trained it.</param>
/// <param name="Created">To the millisecond, UTC.</param>
public sealed record Revision(string Policy, int Number, string Digest, long Bytes, int? Parent, string? Training, string? Data, string Code, DateTimeOffset Created);

/// <summary>What a revision is added with; see <see cref="Revision"/>. The blob has been put already.</summary>
public sealed record NewRevision(string Digest, string Code)
{
    public int? Parent { get; init; }

    public string? Training { get; init; }

    public string? Data { get; init; }
}

/// <summary>One measurement of a revision. A name can be measured again: the last one counts.</summary>
/// <param name="Details">A JSON object; null where there is nothing more to say.</param>
public sealed record Evaluation(string Policy, int Revision, string Name, double Value, string? Details, DateTimeOffset At);

/// <summary>A name that requests use, and the revision that it means at this moment.</summary>
public sealed record Pointer(string Policy, string Name, int Revision)
{
    /// <summary>What a request means that names neither revision nor pointer.</summary>
    public const string Live = "live";

    /// <summary>By custom: what is tried on a few requests before it goes live.</summary>
    public const string Canary = "canary";
}

/// <summary>One line of the audit log, written in the transaction of the change that it records, and never changed.</summary>
/// <param name="Sequence">Ascending in the order of the changes to one policy.</param>
/// <param name="Actor">Who did it, as the caller said: a key, a command, a person.</param>
/// <param name="Action">One of <see cref="AuditActions"/>.</param>
/// <param name="Policy">Null for what concerns the owner alone.</param>
/// <param name="Pointer">The pointer that moved.</param>
/// <param name="Before">The revision that it stood for before; null: it did not exist.</param>
/// <param name="Detail">Of a revision the blob's digest, which thus outlives the policy; of an evaluation its name.</param>
public sealed record AuditEntry(long Sequence, DateTimeOffset At, string Actor, string Action, string Owner, string? Policy, int? Revision, string? Pointer, int? Before, string? Detail);

public static class AuditActions
{
    public const string Create = "create", Revise = "revise", Evaluate = "evaluate", Publish = "publish", Rollback = "rollback", Delete = "delete";
    public const string Quota = "quota", CreateKey = "create-key", RevokeKey = "revoke-key";
}

/// <summary>What an owner's revisions take, each counted in full even where two have the same blob, and what they may take.</summary>
/// <param name="Quota">Bytes; null: no limit.</param>
public sealed record OwnerUsage(string Owner, long Bytes, long? Quota);

/// <summary>What a key may do. Neither implies the other: who serves need not publish, who publishes need not serve.</summary>
public enum KeyKind
{
    /// <summary>Requests to the owner's policies.</summary>
    Inference,

    /// <summary>Creating, uploading, publishing, rolling back, evaluating, deleting.</summary>
    Admin,
}

/// <summary>A key as it is listed: without its secret, which is shown once and not kept.</summary>
public sealed record ApiKey(long Id, string Owner, KeyKind Kind, DateTimeOffset Created, DateTimeOffset? Revoked);

/// <summary>A new key with its secret.</summary>
public sealed record IssuedKey(ApiKey Key, string Secret);

/// <summary>Blobs that were collected.</summary>
public sealed record Collected(int Blobs, long Bytes);
