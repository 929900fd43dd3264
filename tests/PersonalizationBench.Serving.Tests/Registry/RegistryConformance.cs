namespace PersonalizationBench.Serving.Tests.Registry;

public sealed class SqliteRegistryTests : RegistryConformance
{
    protected override string? NewDatabase() => null;
}

[Collection(PostgresServer.Collection)]
public sealed class PostgresRegistryTests(PostgresServer server) : RegistryConformance
{
    protected override string? NewDatabase() => server.NewSchema();
}

/// <summary>What a registry promises, whichever database holds it.</summary>
public abstract partial class RegistryConformance
{
    /// <summary>A connection string for a registry of its own; null: SQLite in a temporary folder.</summary>
    protected abstract string? NewDatabase();

    private Bench Begin() => new(NewDatabase());

    private static RegistryException Refused(RegistryError error, Action call)
    {
        var e = Assert.Throws<RegistryException>(call);
        Assert.Equal(error, e.Error);
        return e;
    }

    [SkippableFact]
    public void What_is_written_is_read_by_whoever_opens_it_next()
    {
        using var bench = Begin();
        var policy = bench.Registry.CreatePolicy(Bench.NewPolicy("mail-style"), Bench.Actor);
        Assert.Equal(("mail-style", Bench.Alice, Bench.BaseDigest, 4, bench.Clock.Now), (policy.Id, policy.Owner, policy.Base, policy.Rank, policy.Created));
        Assert.Equal(["q_proj", "v_proj"], policy.Modules);

        var first = bench.Add("mail-style", 1);
        Assert.Equal(new Revision("mail-style", 1, first.Digest, Bench.Content(1).Length, null, null, null, "v1", bench.Clock.Now), first);
        var data = new string('d', 64);
        bench.Clock.Now += TimeSpan.FromSeconds(1);
        var second = bench.Registry.AddRevision(Bench.Alice, "mail-style", new NewRevision(bench.Blobs.Put(Bench.Content(2)), "v2") { Parent = 1, Training = """{"epochs": 3, "ü": "\u0000"}""", Data = data }, Bench.Actor);
        Assert.Equal(new Revision("mail-style", 2, second.Digest, Bench.Content(2).Length, 1, """{"epochs": 3, "ü": "\u0000"}""", data, "v2", bench.Clock.Now), second);
        var evaluation = bench.Registry.Evaluate(Bench.Alice, "mail-style", 2, "recall", 0.1 + 0.2, """{"probes": 40}""", Bench.Actor);
        bench.Registry.Publish(Bench.Alice, "mail-style", Pointer.Live, 2, null, Bench.Actor);
        bench.Registry.Publish(Bench.Alice, "mail-style", Pointer.Canary, 1, null, Bench.Actor);

        var other = bench.Open();
        Assert.Equivalent(policy, other.FindPolicy(Bench.Alice, "mail-style"), strict: true);
        Assert.Equal([first, second], other.Revisions(Bench.Alice, "mail-style"));
        Assert.Equal([second], other.Revisions(Bench.Alice, "mail-style", after: 1));
        Assert.Equal([evaluation], other.Evaluations(Bench.Alice, "mail-style", 2));
        Assert.Empty(other.Evaluations(Bench.Alice, "mail-style", 1));
        Assert.Equal([new Pointer("mail-style", "canary", 1), new Pointer("mail-style", "live", 2)], other.Pointers(Bench.Alice, "mail-style"));
        Assert.Equal(second, other.Resolve(Bench.Alice, "mail-style"));
        Assert.Equal(second, other.Resolve(Bench.Alice, "mail-style@live"));
        Assert.Equal(first, other.Resolve(Bench.Alice, "mail-style@canary"));
        Assert.Equal(first, other.Resolve(Bench.Alice, "mail-style@1"));
    }

    [SkippableFact]
    public void What_does_not_exist_is_missing_and_the_error_names_it()
    {
        using var bench = Begin();
        bench.Registry.CreatePolicy(Bench.NewPolicy("p"), Bench.Actor);
        Assert.Equal("there is no policy 'q'", Refused(RegistryError.Missing, () => bench.Registry.Resolve(Bench.Alice, "q")).Message);
        Assert.Equal("policy 'p' has no pointer 'live'", Refused(RegistryError.Missing, () => bench.Registry.Resolve(Bench.Alice, "p")).Message);
        Assert.Equal("policy 'p' has no revision 7", Refused(RegistryError.Missing, () => bench.Registry.Resolve(Bench.Alice, "p@7")).Message);
        Assert.Equal("policy 'p' has no revision 1", Refused(RegistryError.Missing, () => bench.Registry.Publish(Bench.Alice, "p", "live", 1, null, Bench.Actor)).Message);
        Assert.Equal("policy 'p' has no revision 1", Refused(RegistryError.Missing, () => bench.Registry.Evaluate(Bench.Alice, "p", 1, "recall", 0, null, Bench.Actor)).Message);
        Assert.Equal("policy 'p' exists already", Refused(RegistryError.Conflict, () => bench.Registry.CreatePolicy(Bench.NewPolicy("p"), Bench.Actor)).Message);
        Assert.Equal("there is no key 5", Refused(RegistryError.Missing, () => bench.Registry.RevokeKey(Bench.Alice, 5, Bench.Actor)).Message);
    }

    [SkippableFact]
    public void A_revision_needs_its_blob_and_its_parent()
    {
        using var bench = Begin();
        bench.Create("p", 1);
        bench.Create("q", 3);
        var absent = new string('0', 64);
        Assert.Equal($"adapter {absent}: there is no such blob; put it first", Refused(RegistryError.Invalid, () => bench.Registry.AddRevision(Bench.Alice, "p", new NewRevision(absent, "v"), Bench.Actor)).Message);
        // 3 is a revision of another policy.
        Assert.Equal("parent 3: policy 'p' has no revision 3", Refused(RegistryError.Invalid, () => bench.Add("p", 2, parent: 3)).Message);
        Assert.Equal(1, Assert.Single(bench.Registry.Revisions(Bench.Alice, "p")).Number);
        Assert.Equal(2, bench.Add("p", 2, parent: 1).Number);
    }

    [SkippableTheory]
    [InlineData("../x", "alice", 4, "q_proj", "policy '../x'")]
    [InlineData("p", "Alice", 4, "q_proj", "owner 'Alice'")]
    [InlineData("p", "alice", 0, "q_proj", "rank 0: expected at least 1")]
    [InlineData("p", "alice", 4, "q proj", "module 'q proj'")]
    [InlineData("p", "alice", 4, "", "module ''")]
    public void A_policy_that_is_none_is_refused(string id, string owner, int rank, string module, string what)
    {
        using var bench = Begin();
        Assert.Contains(what, Refused(RegistryError.Invalid, () => bench.Registry.CreatePolicy(new NewPolicy(id, owner, Bench.BaseDigest, rank, [module]), Bench.Actor)).Message);
        Assert.Contains("base 'x': expected a SHA-256", Refused(RegistryError.Invalid, () => bench.Registry.CreatePolicy(Bench.NewPolicy("p") with { Base = "x" }, Bench.Actor)).Message);
        Assert.Contains("0 modules", Refused(RegistryError.Invalid, () => bench.Registry.CreatePolicy(Bench.NewPolicy("p") with { Modules = [] }, Bench.Actor)).Message);
    }

    [SkippableFact]
    public void Texts_that_databases_choke_on_are_refused_before_they_get_there()
    {
        using var bench = Begin();
        bench.Create("p", 1);
        var digest = bench.Blobs.Put(Bench.Content(1));
        foreach (var training in new[] { "[]", "{", "{\"a\":\"\0\"}", "{\"a\":\"\ud800\"}", "\ud800", "{}//", new string(' ', 1 << 17) })
            Refused(RegistryError.Invalid, () => bench.Registry.AddRevision(Bench.Alice, "p", new NewRevision(digest, "v") { Training = training }, Bench.Actor));
        foreach (var label in new[] { "", "a\0", "a\nb", "\ud800", new string('x', 201) })
        {
            Refused(RegistryError.Invalid, () => bench.Registry.AddRevision(Bench.Alice, "p", new NewRevision(digest, label), Bench.Actor));
            Refused(RegistryError.Invalid, () => bench.Registry.Evaluate(Bench.Alice, "p", 1, label, 1, null, Bench.Actor));
            Refused(RegistryError.Invalid, () => bench.Registry.DeletePolicy(Bench.Alice, "p", label));
        }
        foreach (var value in new[] { double.NaN, double.PositiveInfinity }) Refused(RegistryError.Invalid, () => bench.Registry.Evaluate(Bench.Alice, "p", 1, "x", value, null, Bench.Actor));
        foreach (var id in new[] { "a\0b", "../p", "P", "\ud800" })
        {
            Refused(RegistryError.Invalid, () => bench.Registry.FindPolicy(Bench.Alice, id));
            Refused(RegistryError.Invalid, () => bench.Registry.FindPolicy(id, "p"));
            Refused(RegistryError.Invalid, () => bench.Registry.Resolve(Bench.Alice, id));
            Refused(RegistryError.Invalid, () => bench.Registry.Audit(id));
            Refused(RegistryError.Invalid, () => bench.Registry.Usage(id));
            Refused(RegistryError.Invalid, () => bench.Registry.Keys(id));
            Refused(RegistryError.Invalid, () => bench.Registry.Policies(Bench.Alice, id));
        }
        Assert.Null(bench.Registry.Authenticate("pbk_\0"));
        Assert.Null(bench.Registry.Authenticate("pbk_\ud800"));
    }

    [SkippableFact]
    public void Policies_come_page_by_page_in_the_order_of_their_ids()
    {
        using var bench = Begin();
        string[] ids = ["a", "a-b", "a.b", "a_b", "a0", "b", "z9"];
        foreach (var id in ids.Reverse()) bench.Registry.CreatePolicy(Bench.NewPolicy(id), Bench.Actor);
        bench.Registry.CreatePolicy(Bench.NewPolicy("a-a", Bench.Bob), Bench.Actor);
        var pages = new List<string>();
        for (string? after = null; bench.Registry.Policies(Bench.Alice, after, 2) is { Count: > 0 } page; after = pages[^1]) pages.AddRange(page.Select(p => p.Id));
        Assert.Equal(ids.Order(StringComparer.Ordinal), pages);
        Assert.Equal("limit 0: expected 1 to 10000", Refused(RegistryError.Invalid, () => bench.Registry.Policies(Bench.Alice, null, 0)).Message);
    }

    [SkippableFact]
    public void A_deleted_policy_is_gone_but_for_its_log_and_its_id_is_not_used_again()
    {
        using var bench = Begin();
        bench.Create("p", 3);
        bench.Add("p", 4, parent: 2);
        bench.Registry.Evaluate(Bench.Alice, "p", 2, "recall", 1, null, Bench.Actor);
        var digest = bench.Registry.Resolve(Bench.Alice, "p@4").Digest;
        bench.Registry.DeletePolicy(Bench.Alice, "p", Bench.Actor);
        Assert.Equal("there is no policy 'p'", Refused(RegistryError.Missing, () => bench.Registry.Resolve(Bench.Alice, "p")).Message);
        Refused(RegistryError.Missing, () => bench.Registry.DeletePolicy(Bench.Alice, "p", Bench.Actor));
        Assert.Empty(bench.Registry.Policies(Bench.Alice));
        Assert.Equal(0, bench.Registry.Usage(Bench.Alice).Bytes);
        Assert.Equal("policy 'p' was deleted; its id is not used again", Refused(RegistryError.Conflict, () => bench.Registry.CreatePolicy(Bench.NewPolicy("p"), Bench.Actor)).Message);
        var audit = bench.Registry.Audit(Bench.Alice, "p");
        Assert.Equal(["create", "revise", "revise", "revise", "publish", "revise", "evaluate", "delete"], audit.Select(a => a.Action));
        Assert.Equal(digest, audit[5].Detail);
        // Another's policy of this name lives on.
        bench.Create("p", 1, Bench.Bob);
        Assert.Equal(1, bench.Registry.Resolve(Bench.Bob, "p").Number);
    }

    [SkippableFact]
    public void Blobs_that_no_revision_names_are_collected_when_they_are_old_enough()
    {
        using var bench = Begin();
        bench.Create("p", 2);
        bench.Create("q", 1);
        var orphan = bench.Blobs.Put(Bench.Content(9));
        Assert.Equal(new Collected(0, 0), bench.Registry.CollectBlobs(TimeSpan.FromHours(1)));
        bench.Clock.Now += TimeSpan.FromHours(2);
        var young = bench.Blobs.Put(Bench.Content(10));
        Assert.Equal(new Collected(1, Bench.Content(9).Length), bench.Registry.CollectBlobs(TimeSpan.FromHours(1)));
        Assert.Null(bench.Blobs.Find(orphan));
        Assert.NotNull(bench.Blobs.Find(young));
        var (shared, own) = (bench.Registry.Resolve(Bench.Alice, "p@1").Digest, bench.Registry.Resolve(Bench.Alice, "p@2").Digest);
        bench.Registry.DeletePolicy(Bench.Alice, "p", Bench.Actor);
        Assert.Equal(1, bench.Registry.CollectBlobs(TimeSpan.FromHours(1)).Blobs);
        Assert.Null(bench.Blobs.Find(own));
        Assert.Equal(Bench.Content(1), bench.Blobs.Read(bench.Registry.Resolve(Bench.Alice, "q").Digest));
        Assert.Equal(shared, bench.Registry.Resolve(Bench.Alice, "q").Digest);
        // Texts of what was deleted go too, those in use stay.
        Assert.Equal("v1", bench.Add("q", 3).Code);
    }

    [SkippableFact]
    public void An_import_is_there_whole_or_not_at_all()
    {
        using var bench = Begin();
        var digest = bench.Blobs.Put(Bench.Content(1));
        List<(NewPolicy, NewRevision)> clones = [.. Enumerable.Range(0, 50).Select(i => (Bench.NewPolicy($"clone-{i}", $"user-{i % 7}"), new NewRevision(digest, "v")))];
        bench.Registry.Import(clones, Bench.Actor);
        Assert.Equal(1, bench.Registry.Resolve("user-3", "clone-10").Number);
        Assert.Equal(["create", "revise", "publish"], bench.Registry.Audit("user-3", "clone-10").Select(a => a.Action));
        Assert.Equal(8 * Bench.Content(1).Length, bench.Registry.Usage("user-0").Bytes);

        Refused(RegistryError.Conflict, () => bench.Registry.Import([(Bench.NewPolicy("new", "user-0"), new NewRevision(digest, "v")), clones[0]], Bench.Actor));
        Refused(RegistryError.Missing, () => bench.Registry.FindPolicy("user-0", "new"));
        Assert.Equal(8 * Bench.Content(1).Length, bench.Registry.Usage("user-0").Bytes);
    }
}
