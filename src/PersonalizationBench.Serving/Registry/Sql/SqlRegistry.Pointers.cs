namespace PersonalizationBench.Serving;

/// <summary>This part: what requests get, and how that changes.</summary>
internal sealed partial class SqlRegistry
{
    public Revision Resolve(string owner, string spec)
    {
        PolicyId.Require(owner, "owner");
        var wanted = PolicySpec.Parse(spec);
        return _sessions.Read(session => wanted.Revision is { } number
            ? FindRevision(session, owner, wanted.Policy, number)
            : session.First(
                $"""
                SELECT {RegistryRows.RevisionColumns} FROM {RegistryRows.Mine} JOIN pointers n ON n.policy = p.pk AND n.name = @pointer
                JOIN revisions r ON r.policy = p.pk AND r.number = n.revision {RegistryRows.RevisionTexts} WHERE o.name = @owner
                """,
                RegistryRows.Revision, ("policy", wanted.Policy), ("pointer", wanted.Pointer), ("owner", owner))
              ?? throw NoPointer(RequireMine(session, owner, wanted.Policy), wanted.Pointer!));
    }

    public void Publish(string owner, string policy, string pointer, int revision, int? expected, string actor) =>
        Move(owner, policy, pointer, revision, expected, AuditActions.Publish, actor);

    public void Rollback(string owner, string policy, string pointer, int revision, int expected, string actor)
    {
        if (revision >= expected) throw RegistryInput.Invalid(FormattableString.Invariant($"policy {PolicyId.Quote(policy)}: revision {revision} is not earlier than {expected}; rolling back goes to an earlier one"));
        Move(owner, policy, pointer, revision, expected, AuditActions.Rollback, actor);
    }

    public IReadOnlyList<Pointer> Pointers(string owner, string policy) => _sessions.Read(session =>
    {
        RequireMine(session, owner, policy);
        return session.All(
            $"SELECT n.name, n.revision FROM {RegistryRows.Mine} JOIN pointers n ON n.policy = p.pk WHERE o.name = @owner ORDER BY n.name",
            row => new Pointer(policy, row.GetString(0), row.GetInt32(1)), ("policy", policy), ("owner", owner));
    });

    private void Move(string owner, string policy, string pointer, int revision, int? expected, string action, string actor)
    {
        PolicyId.RequirePointer(pointer);
        RegistryInput.Label(actor, "actor");
        // Two who move it to where it is would both have won.
        if (revision == expected) throw RegistryInput.Invalid(FormattableString.Invariant($"pointer '{pointer}': it is to move from revision {expected} to revision {revision}; expected another one"));
        _sessions.Write(session =>
        {
            var key = Lock(session, owner, policy);
            RequireRevision(session, key, revision);
            Move(session, key, pointer, revision, expected, action, actor);
        });
    }

    private void Move(SqlSession session, PolicyKey policy, string pointer, int revision, int? expected, string action, string actor)
    {
        var moved = expected is null
            ? session.Execute(
                "INSERT INTO pointers (policy, name, revision) VALUES (@policy, @name, @revision) ON CONFLICT (policy, name) DO NOTHING",
                ("policy", policy.Policy), ("name", pointer), ("revision", revision))
            : session.Execute(
                "UPDATE pointers SET revision = @revision WHERE policy = @policy AND name = @name AND revision = @expected",
                ("revision", revision), ("policy", policy.Policy), ("name", pointer), ("expected", expected));
        if (moved == 0)
        {
            var found = session.Number("SELECT revision FROM pointers WHERE policy = @policy AND name = @name", ("policy", policy.Policy), ("name", pointer));
            throw new RegistryException(RegistryError.Conflict, $"pointer '{pointer}' of policy '{policy.Id}': expected {Say(expected)}, found {Say(found)}");
        }
        Record(session, policy.Owner, policy.Policy, action, actor, revision, pointer, expected);

        static string Say(long? revision) => revision is { } r ? FormattableString.Invariant($"revision {r}") : "none";
    }

    private static RegistryException NoPointer(PolicyKey policy, string pointer) => new(RegistryError.Missing, $"policy '{policy.Id}' has no pointer '{pointer}'");
}
