using System.Security.Cryptography;
using System.Text;

namespace PersonalizationBench.Serving;

/// <summary>The registry in SQL, one text for both databases. This part: policies, revisions and their evaluations.</summary>
internal sealed partial class SqlRegistry(Dialect dialect, IBlobStore blobs, TimeProvider clock) : IRegistry
{
    private const int LargestPage = 10_000;
    private readonly SqlSessions _sessions = new(dialect);

    public IBlobStore Blobs => blobs;

    /// <summary>Called before each transaction commits.</summary>
    internal Action Committing { set => _sessions.Committing = value; }

    public Policy CreatePolicy(NewPolicy policy, string actor)
    {
        RegistryInput.Policy(policy);
        RegistryInput.Label(actor, "actor");
        return _sessions.Write(session =>
        {
            HoldBlobs(session);
            Create(session, policy, actor);
            return Find(session, policy.Owner, policy.Id);
        });
    }

    public Policy FindPolicy(string owner, string policy)
    {
        RequireIds(owner, policy);
        return _sessions.Read(session => Find(session, owner, policy));
    }

    public IReadOnlyList<Policy> Policies(string owner, string? after = null, int limit = 100)
    {
        RequireIds(owner, after);
        return _sessions.Read(session => session.All(
            $"SELECT {RegistryRows.PolicyColumns} FROM {RegistryRows.PolicyTables} WHERE o.name = @owner AND p.id > @after AND p.deleted IS NULL ORDER BY p.id LIMIT @limit",
            RegistryRows.Policy, ("owner", owner), ("after", after ?? ""), ("limit", Limit(limit))));
    }

    public void DeletePolicy(string owner, string policy, string actor)
    {
        RegistryInput.Label(actor, "actor");
        _sessions.Write(session =>
        {
            var key = Lock(session, owner, policy);
            var bytes = session.Number("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM revisions WHERE policy = @policy", ("policy", key.Policy));
            session.Execute("DELETE FROM evaluations WHERE policy = @policy", ("policy", key.Policy));
            session.Execute("DELETE FROM pointers WHERE policy = @policy", ("policy", key.Policy));
            session.Execute("DELETE FROM revisions WHERE policy = @policy", ("policy", key.Policy));
            session.Execute("UPDATE policies SET deleted = @now WHERE pk = @policy", ("now", Now()), ("policy", key.Policy));
            session.Execute("UPDATE owners SET bytes = bytes - @bytes WHERE pk = @owner", ("bytes", bytes), ("owner", key.Owner));
            Record(session, key.Owner, key.Policy, AuditActions.Delete, actor);
        });
    }

    public Revision AddRevision(string owner, string policy, NewRevision revision, string actor)
    {
        RegistryInput.Revision(revision);
        RegistryInput.Label(actor, "actor");
        return _sessions.Write(session =>
        {
            HoldBlobs(session);
            var number = Add(session, Lock(session, owner, policy), revision, actor);
            return FindRevision(session, owner, policy, number);
        });
    }

    public IReadOnlyList<Revision> Revisions(string owner, string policy, int after = 0, int limit = 100) => _sessions.Read(session =>
    {
        RequireMine(session, owner, policy);
        return session.All(
            $"SELECT {RegistryRows.RevisionColumns} FROM {RegistryRows.Mine} JOIN revisions r ON r.policy = p.pk AND r.number > @after {RegistryRows.RevisionTexts} WHERE o.name = @owner ORDER BY r.number LIMIT @limit",
            RegistryRows.Revision, ("policy", policy), ("after", after), ("owner", owner), ("limit", Limit(limit)));
    });

    public Provenance ProvenanceOf(string owner, string policy, int revision) => _sessions.Read(session =>
    {
        RequireIds(owner, policy);
        var chain = new List<Revision>();
        for (int? number = revision; number is { } next; number = chain[^1].Parent) chain.Add(FindRevision(session, owner, policy, next));
        chain.Reverse();
        return new Provenance(Find(session, owner, policy).Base, chain);
    });

    public Evaluation Evaluate(string owner, string policy, int revision, string name, double value, string? details, string actor)
    {
        RegistryInput.Label(name, "evaluation");
        RegistryInput.Label(actor, "actor");
        RegistryInput.Json(details, $"evaluation '{name}'");
        if (!double.IsFinite(value)) throw RegistryInput.Invalid(FormattableString.Invariant($"evaluation '{name}': {value}: expected a finite number"));
        return _sessions.Write(session =>
        {
            var key = Lock(session, owner, policy);
            RequireRevision(session, key, revision);
            var now = Now();
            session.Execute(
                "INSERT INTO evaluations (policy, revision, name, value, details, made) VALUES (@policy, @revision, @name, @value, @details, @now)",
                ("policy", key.Policy), ("revision", revision), ("name", name), ("value", value), ("details", details), ("now", now));
            Record(session, key.Owner, key.Policy, AuditActions.Evaluate, actor, revision, detail: name);
            return new Evaluation(policy, revision, name, value, details, DateTimeOffset.FromUnixTimeMilliseconds(now));
        });
    }

    public IReadOnlyList<Evaluation> Evaluations(string owner, string policy, int revision) => _sessions.Read(session =>
    {
        RequireRevision(session, RequireMine(session, owner, policy), revision);
        return session.All(
            $"SELECT e.name, e.value, e.details, e.made FROM {RegistryRows.Mine} JOIN evaluations e ON e.policy = p.pk AND e.revision = @revision WHERE o.name = @owner ORDER BY e.pk",
            row => new Evaluation(policy, revision, row.GetString(0), row.GetDouble(1), RegistryRows.Text(row, 2), RegistryRows.Time(row, 3)!.Value),
            ("policy", policy), ("revision", revision), ("owner", owner));
    });

    public void Import(IReadOnlyCollection<(NewPolicy Policy, NewRevision Revision)> policies, string actor)
    {
        RegistryInput.Label(actor, "actor");
        foreach (var (policy, revision) in policies)
        {
            RegistryInput.Policy(policy);
            RegistryInput.Revision(revision);
        }
        _sessions.Write(session =>
        {
            HoldBlobs(session);
            foreach (var (policy, revision) in policies)
            {
                var key = Create(session, policy, actor);
                Move(session, key, Pointer.Live, Add(session, key, revision, actor), null, AuditActions.Publish, actor);
            }
        });
    }

    public Collected CollectBlobs(TimeSpan grace)
    {
        var oldest = clock.GetUtcNow() - grace;
        // Looked for without a lock, then asked again with one, a few at a time: nobody waits for the whole folder.
        var candidates = blobs.List().Where(b => b.Put <= oldest && _sessions.Read(session => !IsNamed(session, b.Digest))).ToList();
        var (count, bytes) = (0, 0L);
        foreach (var some in candidates.Chunk(100))
        {
            _sessions.Write(session =>
            {
                LockBlobs(session);
                foreach (var blob in some)
                {
                    if (blobs.Find(blob.Digest) is not { } now || now.Put > oldest || IsNamed(session, blob.Digest) || !blobs.Delete(blob.Digest)) continue;
                    (count, bytes) = (count + 1, bytes + now.Bytes);
                }
            });
        }
        _sessions.Write(session =>
        {
            LockBlobs(session);
            session.Execute("DELETE FROM texts WHERE pk NOT IN (SELECT modules FROM policies UNION SELECT code FROM revisions UNION SELECT training FROM revisions WHERE training IS NOT NULL)");
        });
        return new Collected(count, bytes);
    }

    public void Dispose() => _sessions.Dispose();

    // --- parts of transactions ---------------------------------------------------------------------------------------

    private PolicyKey Create(SqlSession session, NewPolicy policy, string actor)
    {
        var owner = OwnerKey(session, policy.Owner);
        var key = session.Number(
            "INSERT INTO policies (owner, id, base, rank, modules, created) VALUES (@owner, @id, @base, @rank, @modules, @now) ON CONFLICT (owner, id) DO NOTHING RETURNING pk",
            ("owner", owner), ("id", policy.Id), ("base", Convert.FromHexString(policy.Base)), ("rank", policy.Rank),
            ("modules", TextKey(session, string.Join('\n', policy.Modules.Distinct().Order(StringComparer.Ordinal)))), ("now", Now()));
        if (key is null)
        {
            var deleted = session.Number("SELECT COUNT(deleted) FROM policies WHERE owner = @owner AND id = @id", ("owner", owner), ("id", policy.Id)) > 0;
            throw new RegistryException(RegistryError.Conflict, deleted ? $"policy '{policy.Id}' was deleted; its id is not used again" : $"policy '{policy.Id}' exists already");
        }
        Record(session, owner, key.Value, AuditActions.Create, actor);
        return new PolicyKey(key.Value, owner, policy.Id);
    }

    /// <returns>The revision's number.</returns>
    private int Add(SqlSession session, PolicyKey policy, NewRevision revision, string actor)
    {
        var blob = blobs.Find(revision.Digest) ?? throw RegistryInput.Invalid($"adapter {revision.Digest}: there is no such blob; put it first");
        if (revision.Parent is { } parent && !HasRevision(session, policy, parent))
            throw RegistryInput.Invalid(FormattableString.Invariant($"parent {parent}: policy '{policy.Id}' has no revision {parent}"));
        var paid = session.Execute("UPDATE owners SET bytes = bytes + @bytes WHERE pk = @owner AND (quota IS NULL OR bytes + @bytes <= quota)", ("bytes", blob.Bytes), ("owner", policy.Owner));
        if (paid == 0)
        {
            var (used, quota) = session.First("SELECT bytes, quota FROM owners WHERE pk = @owner", row => (row.GetInt64(0), row.GetInt64(1)), ("owner", policy.Owner));
            throw new RegistryException(RegistryError.OverQuota, FormattableString.Invariant($"policy '{policy.Id}': an adapter of {blob.Bytes} bytes beside the {used} there are is over the owner's quota of {quota} bytes"));
        }
        var number = (int)session.Number("SELECT COALESCE(MAX(number), 0) FROM revisions WHERE policy = @policy", ("policy", policy.Policy))! + 1;
        session.Execute(
            "INSERT INTO revisions (policy, number, digest, bytes, parent, training, data, code, created) VALUES (@policy, @number, @digest, @bytes, @parent, @training, @data, @code, @now)",
            ("policy", policy.Policy), ("number", number), ("digest", Convert.FromHexString(revision.Digest)), ("bytes", blob.Bytes), ("parent", revision.Parent),
            ("training", revision.Training is { } training ? TextKey(session, training) : null), ("data", revision.Data is { } data ? Convert.FromHexString(data) : null),
            ("code", TextKey(session, revision.Code)), ("now", Now()));
        Record(session, policy.Owner, policy.Policy, AuditActions.Revise, actor, number, detail: revision.Digest);
        return number;
    }

    /// <summary>The key of a text that is kept once, however many rows have it.</summary>
    private static long TextKey(SqlSession session, string text)
    {
        if (session.Texts.TryGetValue(text, out var known)) return known;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        var key = Select()
            ?? session.Number("INSERT INTO texts (hash, content) VALUES (@hash, @content) ON CONFLICT (hash) DO NOTHING RETURNING pk", ("hash", hash), ("content", text))
            ?? Select()!.Value; // another transaction was faster
        session.Texts.Add(text, key);
        return key;

        long? Select() => session.Number("SELECT pk FROM texts WHERE hash = @hash", ("hash", hash));
    }

    private static Policy Find(SqlSession session, string owner, string policy) => session.First(
        $"SELECT {RegistryRows.PolicyColumns} FROM {RegistryRows.PolicyTables} WHERE o.name = @owner AND p.id = @policy AND p.deleted IS NULL",
        RegistryRows.Policy, ("owner", owner), ("policy", policy)) ?? throw NoPolicy(policy);

    private static Revision FindRevision(SqlSession session, string owner, string policy, int number) => session.First(
        $"SELECT {RegistryRows.RevisionColumns} FROM {RegistryRows.Mine} JOIN revisions r ON r.policy = p.pk AND r.number = @number {RegistryRows.RevisionTexts} WHERE o.name = @owner",
        RegistryRows.Revision, ("policy", policy), ("number", number), ("owner", owner)) ?? throw NoRevision(RequireMine(session, owner, policy), number);

    private static PolicyKey RequireMine(SqlSession session, string owner, string policy) => Require(session, owner, policy, "");

    /// <summary>The same, until the transaction ends changed by nobody else.</summary>
    private PolicyKey Lock(SqlSession session, string owner, string policy) => Require(session, owner, policy, dialect.LockPolicy);

    private static PolicyKey Require(SqlSession session, string owner, string policy, string suffix)
    {
        RequireIds(owner, policy);
        var key = session.First($"SELECT p.pk, p.owner, p.id FROM {RegistryRows.Mine} WHERE o.name = @owner{suffix}", RegistryRows.PolicyKey, ("policy", policy), ("owner", owner));
        return key.Id is null ? throw NoPolicy(policy) : key;
    }

    private static void RequireIds(string owner, string? policy)
    {
        PolicyId.Require(owner, "owner");
        if (policy is not null) PolicyId.Require(policy, "policy");
    }

    private static void RequireRevision(SqlSession session, PolicyKey policy, int revision)
    {
        if (!HasRevision(session, policy, revision)) throw NoRevision(policy, revision);
    }

    private static bool HasRevision(SqlSession session, PolicyKey policy, int revision) =>
        session.Number("SELECT 1 FROM revisions WHERE policy = @policy AND number = @revision", ("policy", policy.Policy), ("revision", revision)) is not null;

    private static bool IsNamed(SqlSession session, string digest) =>
        session.Number("SELECT 1 FROM revisions WHERE digest = @digest LIMIT 1", ("digest", Convert.FromHexString(digest))) is not null;

    /// <summary>What is there will not be collected before this transaction ends.</summary>
    private void HoldBlobs(SqlSession session)
    {
        if (dialect.HoldBlobs is { } sql) session.Execute(sql);
    }

    private void LockBlobs(SqlSession session)
    {
        if (dialect.LockBlobs is { } sql) session.Execute(sql);
    }

    /// <summary>One text for what is not there and for what is another's.</summary>
    private static RegistryException NoPolicy(string policy) => new(RegistryError.Missing, $"there is no policy {PolicyId.Quote(policy)}");

    private static RegistryException NoRevision(PolicyKey policy, int revision) => new(RegistryError.Missing, FormattableString.Invariant($"policy '{policy.Id}' has no revision {revision}"));

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static int Limit(int limit) => limit is >= 1 and <= LargestPage ? limit : throw RegistryInput.Invalid(FormattableString.Invariant($"limit {limit}: expected 1 to {LargestPage}"));
}
