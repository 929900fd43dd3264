using System.Security.Cryptography;
using System.Text;

namespace PersonalizationBench.Serving;

/// <summary>This part: owners with their bytes and keys, and the audit log.</summary>
internal sealed partial class SqlRegistry
{
    /// <summary>Tells a key from other secrets wherever it turns up, in a log or a repository.</summary>
    private const string SecretPrefix = "pbk_";

    private const int SecretBytes = 32, LongestSecret = 100;

    public IReadOnlyList<AuditEntry> Audit(string owner, string? policy = null, long after = 0, int limit = 1000) => _sessions.Read(session =>
    {
        RequireIds(owner, policy);
        const string select = $"SELECT {RegistryRows.AuditColumns} FROM owners o JOIN audit a ON a.owner = o.pk AND a.sequence > @after LEFT JOIN policies p ON p.pk = a.policy WHERE o.name = @owner";
        const string order = " ORDER BY a.sequence LIMIT @limit";
        if (policy is null) return session.All(select + order, RegistryRows.Audit, ("after", after), ("owner", owner), ("limit", Limit(limit)));
        // Deleted ones have a history too.
        var key = session.Number("SELECT p.pk FROM owners o JOIN policies p ON p.owner = o.pk AND p.id = @policy WHERE o.name = @owner", ("policy", policy), ("owner", owner)) ?? throw NoPolicy(policy);
        return session.All(select + " AND a.policy = @key" + order, RegistryRows.Audit, ("after", after), ("owner", owner), ("key", key), ("limit", Limit(limit)));
    });

    public OwnerUsage Usage(string owner)
    {
        PolicyId.Require(owner, "owner");
        return _sessions.Read(session => session.First(
            "SELECT bytes, quota FROM owners WHERE name = @owner", row => new OwnerUsage(owner, row.GetInt64(0), row.IsDBNull(1) ? null : row.GetInt64(1)), ("owner", owner))) ?? new OwnerUsage(owner, 0, null);
    }

    public void SetQuota(string owner, long? bytes, string actor)
    {
        PolicyId.Require(owner, "owner");
        RegistryInput.Label(actor, "actor");
        if (bytes < 0) throw RegistryInput.Invalid(FormattableString.Invariant($"quota {bytes}: expected at least 0 bytes"));
        _sessions.Write(session =>
        {
            var key = OwnerKey(session, owner);
            session.Execute("UPDATE owners SET quota = @quota WHERE pk = @owner", ("quota", bytes), ("owner", key));
            Record(session, key, null, AuditActions.Quota, actor, detail: bytes is { } b ? FormattableString.Invariant($"{b} bytes") : "none");
        });
    }

    public IssuedKey CreateKey(string owner, KeyKind kind, string actor)
    {
        PolicyId.Require(owner, "owner");
        RegistryInput.Label(actor, "actor");
        if (!Enum.IsDefined(kind)) throw RegistryInput.Invalid($"key: expected {string.Join(" or ", Enum.GetNames<KeyKind>())}, found {kind}");
        var secret = SecretPrefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SecretBytes));
        return _sessions.Write(session =>
        {
            var (key, now) = (OwnerKey(session, owner), Now());
            var id = session.Number(
                "INSERT INTO api_keys (hash, owner, kind, created) VALUES (@hash, @owner, @kind, @now) RETURNING pk",
                ("hash", HashOf(secret)), ("owner", key), ("kind", kind.ToString()), ("now", now))!.Value;
            Record(session, key, null, AuditActions.CreateKey, actor, detail: FormattableString.Invariant($"{kind} {id}"));
            return new IssuedKey(new ApiKey(id, owner, kind, DateTimeOffset.FromUnixTimeMilliseconds(now), null), secret);
        });
    }

    public void RevokeKey(string owner, long key, string actor)
    {
        PolicyId.Require(owner, "owner");
        RegistryInput.Label(actor, "actor");
        _sessions.Write(session =>
        {
            var ownerKey = session.Number("SELECT k.owner FROM api_keys k JOIN owners o ON o.pk = k.owner WHERE k.pk = @key AND o.name = @owner", ("key", key), ("owner", owner))
                ?? throw new RegistryException(RegistryError.Missing, FormattableString.Invariant($"there is no key {key}"));
            if (session.Execute("UPDATE api_keys SET revoked = @now WHERE pk = @key AND revoked IS NULL", ("now", Now()), ("key", key)) > 0)
                Record(session, ownerKey, null, AuditActions.RevokeKey, actor, detail: FormattableString.Invariant($"{key}"));
        });
    }

    public IReadOnlyList<ApiKey> Keys(string owner)
    {
        PolicyId.Require(owner, "owner");
        return _sessions.Read(session => session.All(
            $"SELECT {RegistryRows.KeyColumns} FROM api_keys k JOIN owners o ON o.pk = k.owner WHERE o.name = @owner ORDER BY k.pk", RegistryRows.Key, ("owner", owner)));
    }

    public ApiKey? Authenticate(string secret)
    {
        if (secret.Length > LongestSecret || !secret.StartsWith(SecretPrefix, StringComparison.Ordinal)) return null;
        return _sessions.Read(session => session.First(
            $"SELECT {RegistryRows.KeyColumns} FROM api_keys k JOIN owners o ON o.pk = k.owner WHERE k.hash = @hash AND k.revoked IS NULL", RegistryRows.Key, ("hash", HashOf(secret))));
    }

    /// <summary>Secrets are 256 random bits: nothing is gained by a slow hash, and their order in an index tells nothing.</summary>
    private static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    private static long OwnerKey(SqlSession session, string owner) =>
        SelectOwner(session, owner)
        ?? session.Number("INSERT INTO owners (name, bytes) VALUES (@owner, 0) ON CONFLICT (name) DO NOTHING RETURNING pk", ("owner", owner))
        ?? SelectOwner(session, owner)!.Value; // another transaction was faster

    private static long? SelectOwner(SqlSession session, string owner) => session.Number("SELECT pk FROM owners WHERE name = @owner", ("owner", owner));

    private void Record(SqlSession session, long owner, long? policy, string action, string actor, int? revision = null, string? pointer = null, int? before = null, string? detail = null) => session.Execute(
        "INSERT INTO audit (made, actor, action, owner, policy, revision, pointer, previous, detail) VALUES (@now, @actor, @action, @owner, @policy, @revision, @pointer, @previous, @detail)",
        ("now", Now()), ("actor", actor), ("action", action), ("owner", owner), ("policy", policy), ("revision", revision), ("pointer", pointer), ("previous", before), ("detail", detail));
}
