using System.Data.Common;
using System.Security.Cryptography;
using System.Text;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>The tests of a trusted server that are the registry's, by their numbers there.</summary>
public abstract partial class RegistryConformance
{
    [SkippableFact]
    public void T04_Publish_is_compare_and_set()
    {
        using var bench = Begin();
        bench.Create("p", 3);
        var registry = bench.Registry;
        Assert.Equal("pointer 'live' of policy 'p': expected none, found revision 1", Refused(RegistryError.Conflict, () => registry.Publish(Bench.Alice, "p", "live", 2, null, Bench.Actor)).Message);
        Assert.Equal("pointer 'live' of policy 'p': expected revision 3, found revision 1", Refused(RegistryError.Conflict, () => registry.Publish(Bench.Alice, "p", "live", 2, 3, Bench.Actor)).Message);
        Assert.Equal("pointer 'canary' of policy 'p': expected revision 1, found none", Refused(RegistryError.Conflict, () => registry.Publish(Bench.Alice, "p", "canary", 2, 1, Bench.Actor)).Message);
        Refused(RegistryError.Invalid, () => registry.Publish(Bench.Alice, "p", "live", 1, 1, Bench.Actor));
        Refused(RegistryError.Invalid, () => registry.Publish(Bench.Alice, "p", "12", 1, null, Bench.Actor));
        registry.Publish(Bench.Alice, "p", "live", 3, 1, Bench.Actor);
        Assert.Equal(3, registry.Resolve(Bench.Alice, "p").Number);
    }

    [SkippableFact]
    public void T04_Rollback_restores_the_exact_bytes_and_goes_back_only()
    {
        using var bench = Begin();
        bench.Create("p", 2);
        var registry = bench.Registry;
        registry.Publish(Bench.Alice, "p", "live", 2, 1, Bench.Actor);
        Assert.Equal(Bench.Content(2), bench.Blobs.Read(registry.Resolve(Bench.Alice, "p").Digest));
        registry.Rollback(Bench.Alice, "p", "live", 1, 2, Bench.Actor);
        Assert.Equal(Bench.Content(1), bench.Blobs.Read(registry.Resolve(Bench.Alice, "p").Digest));
        Assert.Equal("policy 'p': revision 2 is not earlier than 1; rolling back goes to an earlier one", Refused(RegistryError.Invalid, () => registry.Rollback(Bench.Alice, "p", "live", 2, 1, Bench.Actor)).Message);
        Refused(RegistryError.Conflict, () => registry.Rollback(Bench.Alice, "p", "live", 1, 2, Bench.Actor));
        Assert.Equal([("publish", 1, null), ("publish", 2, 1), ("rollback", 1, (int?)2)], registry.Audit(Bench.Alice, "p").Where(a => a.Pointer is not null).Select(a => (a.Action, a.Revision!.Value, a.Before)));
    }

    [SkippableFact]
    public void T04_Of_many_who_publish_at_once_one_wins_each_round()
    {
        using var bench = Begin();
        const int contenders = 6, rounds = 8;
        bench.Create("p", contenders + 1);
        SqlRegistry[] ways = [bench.Registry, bench.Open(), bench.Open()];
        var current = 1;
        for (var round = 0; round < rounds; round++)
        {
            var expected = current;
            using var gate = new Barrier(contenders);
            var winners = new List<int>();
            var threads = Enumerable.Range(1, contenders + 1).Where(r => r != expected).Select((revision, i) => new Thread(() =>
            {
                gate.SignalAndWait();
                try
                {
                    ways[i % ways.Length].Publish(Bench.Alice, "p", "live", revision, expected, Bench.Actor);
                    lock (winners) winners.Add(revision);
                }
                catch (RegistryException e) when (e.Error == RegistryError.Conflict)
                {
                    // The others.
                }
            })).ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            current = Assert.Single(winners);
            Assert.Equal(current, ways[round % ways.Length].Resolve(Bench.Alice, "p").Number);
        }
        Assert.Equal(rounds + 1, bench.Registry.Audit(Bench.Alice, "p").Count(a => a.Action == "publish"));
    }

    [SkippableFact]
    public void T04_Revisions_that_are_added_at_once_get_numbers_without_gaps()
    {
        using var bench = Begin();
        bench.Create("p", 0);
        SqlRegistry[] ways = [bench.Registry, bench.Open()];
        var digests = Enumerable.Range(0, 24).Select(i => bench.Blobs.Put(Bench.Content(i))).ToList();
        Parallel.For(0, digests.Count, new ParallelOptions { MaxDegreeOfParallelism = 6 }, i =>
            ways[i % 2].AddRevision(Bench.Alice, "p", new NewRevision(digests[i], $"v{i % 3}") { Training = $$"""{"seed": {{i % 4}}}""" }, Bench.Actor));
        var revisions = bench.Registry.Revisions(Bench.Alice, "p");
        Assert.Equal(Enumerable.Range(1, digests.Count), revisions.Select(r => r.Number));
        Assert.Equal(digests.Order(), revisions.Select(r => r.Digest).Order());
        Assert.Equal(revisions.Sum(r => r.Bytes), bench.Registry.Usage(Bench.Alice).Bytes);
    }

    [SkippableFact]
    public void T06_A_failure_before_the_commit_leaves_everything_as_it_was()
    {
        using var bench = Begin();
        bench.Create("p", 2);
        var digest = bench.Blobs.Put(Bench.Content(3));
        var audit = bench.Registry.Audit(Bench.Alice);
        bench.Registry.Committing = () => throw new InvalidOperationException("the power failed");
        foreach (var change in new Action<IRegistry>[]
        {
            r => r.CreatePolicy(Bench.NewPolicy("q"), Bench.Actor),
            r => r.AddRevision(Bench.Alice, "p", new NewRevision(digest, "v"), Bench.Actor),
            r => r.Publish(Bench.Alice, "p", "live", 2, 1, Bench.Actor),
            r => r.Publish(Bench.Alice, "p", "canary", 2, null, Bench.Actor),
            r => r.Evaluate(Bench.Alice, "p", 1, "recall", 1, null, Bench.Actor),
            r => r.DeletePolicy(Bench.Alice, "p", Bench.Actor),
            r => r.SetQuota(Bench.Alice, 1, Bench.Actor),
            r => r.CreateKey(Bench.Alice, KeyKind.Admin, Bench.Actor),
        })
        {
            Assert.Equal("the power failed", Assert.Throws<InvalidOperationException>(() => change(bench.Registry)).Message);
        }
        foreach (var registry in new[] { bench.Registry, bench.Open() })
        {
            Assert.Equal(audit, registry.Audit(Bench.Alice));
            Assert.Equal("p", Assert.Single(registry.Policies(Bench.Alice)).Id);
            Assert.Equal(2, registry.Revisions(Bench.Alice, "p").Count);
            Assert.Equal([new Pointer("p", "live", 1)], registry.Pointers(Bench.Alice, "p"));
            Assert.Equal(new OwnerUsage(Bench.Alice, 2 * Bench.Content(1).Length, null), registry.Usage(Bench.Alice));
            Assert.Empty(registry.Keys(Bench.Alice));
        }
    }

    [SkippableFact]
    public void T10_Anothers_policy_is_missing_like_one_that_never_was()
    {
        using var bench = Begin();
        bench.Create("secret", 2);
        bench.Create("own", 1, Bench.Bob);
        var key = bench.Registry.CreateKey(Bench.Alice, KeyKind.Admin, Bench.Actor).Key.Id;
        var registry = bench.Registry;
        foreach (var call in new Action<string>[]
        {
            p => registry.Resolve(Bench.Bob, p), p => registry.Resolve(Bench.Bob, p + "@1"), p => registry.Resolve(Bench.Bob, p + "@7"), p => registry.Resolve(Bench.Bob, p + "@canary"),
            p => registry.FindPolicy(Bench.Bob, p), p => registry.Revisions(Bench.Bob, p), p => registry.Pointers(Bench.Bob, p), p => registry.Evaluations(Bench.Bob, p, 1),
            p => registry.ProvenanceOf(Bench.Bob, p, 1), p => registry.Audit(Bench.Bob, p), p => registry.DeletePolicy(Bench.Bob, p, Bench.Actor),
            p => registry.Publish(Bench.Bob, p, "live", 2, 1, Bench.Actor), p => registry.Rollback(Bench.Bob, p, "live", 1, 2, Bench.Actor),
            p => registry.Evaluate(Bench.Bob, p, 1, "x", 1, null, Bench.Actor), p => bench.Add(p, 1, Bench.Bob),
        })
        {
            var (another, none) = (Refused(RegistryError.Missing, () => call("secret")), Refused(RegistryError.Missing, () => call("absent")));
            Assert.Equal(none.Message.Replace("absent", "secret", StringComparison.Ordinal), another.Message);
        }
        Refused(RegistryError.Missing, () => registry.RevokeKey(Bench.Bob, key, Bench.Actor));
        Assert.Equal(["own"], registry.Policies(Bench.Bob).Select(p => p.Id));
        Assert.DoesNotContain(registry.Audit(Bench.Bob), a => a.Policy == "secret");
        // And Bob may use the name himself, which would otherwise tell him.
        bench.Create("secret", 1, Bench.Bob);
        Assert.Equal(2, registry.Revisions(Bench.Alice, "secret").Count);
    }

    [SkippableFact]
    public void T10_Keys_have_an_owner_and_a_kind_and_end_at_once()
    {
        using var bench = Begin();
        var registry = bench.Registry;
        var serve = registry.CreateKey(Bench.Alice, KeyKind.Inference, Bench.Actor);
        var manage = registry.CreateKey(Bench.Alice, KeyKind.Admin, Bench.Actor);
        var bobs = registry.CreateKey(Bench.Bob, KeyKind.Inference, Bench.Actor);
        Assert.Equal(serve.Key, registry.Authenticate(serve.Secret));
        Assert.Equal((Bench.Alice, KeyKind.Admin), (registry.Authenticate(manage.Secret)!.Owner, registry.Authenticate(manage.Secret)!.Kind));
        Assert.Equal((Bench.Bob, KeyKind.Inference), (registry.Authenticate(bobs.Secret)!.Owner, registry.Authenticate(bobs.Secret)!.Kind));
        foreach (var wrong in new[] { "", "pbk_", serve.Secret[..^1], serve.Secret + "0", serve.Secret.ToUpperInvariant(), new string('x', 10_000), "' OR 1=1 --" }) Assert.Null(registry.Authenticate(wrong));

        var elsewhere = bench.Open();
        Assert.NotNull(elsewhere.Authenticate(serve.Secret));
        registry.RevokeKey(Bench.Alice, serve.Key.Id, Bench.Actor);
        Assert.Null(elsewhere.Authenticate(serve.Secret));
        Assert.Null(registry.Authenticate(serve.Secret));
        registry.RevokeKey(Bench.Alice, serve.Key.Id, Bench.Actor);
        Assert.NotNull(registry.Authenticate(manage.Secret));
        Assert.Equal([bench.Clock.Now, null], registry.Keys(Bench.Alice).Select(k => k.Revoked));
        Assert.Equal(["create-key", "create-key", "revoke-key"], registry.Audit(Bench.Alice).Select(a => a.Action));
        Assert.Equal(3, new[] { serve, manage, bobs }.Select(k => k.Secret).Distinct().Count());
    }

    [SkippableFact]
    public void T10_No_secret_is_kept()
    {
        using var bench = Begin();
        var secret = bench.Registry.CreateKey(Bench.Alice, KeyKind.Admin, Bench.Actor).Secret;
        using (var connection = RegistryDatabase.DialectOf(bench.Connection).Connect())
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT hash FROM api_keys";
            Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(secret)), Assert.IsType<byte[]>(command.ExecuteScalar()));
        }
        bench.Registry.Dispose();
        foreach (var file in Directory.EnumerateFiles(bench.Folder)) Assert.DoesNotContain(secret[4..], Encoding.Latin1.GetString(File.ReadAllBytes(file)));
    }

    [SkippableFact]
    public void T13_An_owner_gets_no_further_than_the_quota()
    {
        using var bench = Begin();
        var size = Bench.Content(1).Length;
        bench.Registry.SetQuota(Bench.Alice, 3 * size, Bench.Actor);
        bench.Create("p", 3);
        Assert.Equal($"policy 'p': an adapter of {size} bytes beside the {3 * size} there are is over the owner's quota of {3 * size} bytes", Refused(RegistryError.OverQuota, () => bench.Add("p", 4)).Message);
        Assert.Equal(new OwnerUsage(Bench.Alice, 3 * size, 3 * size), bench.Registry.Usage(Bench.Alice));
        Assert.Equal(3, bench.Registry.Revisions(Bench.Alice, "p").Count);
        bench.Create("p", 4, Bench.Bob);
        bench.Registry.SetQuota(Bench.Alice, null, Bench.Actor);
        Assert.Equal(4, bench.Add("p", 4).Number);
        bench.Registry.SetQuota(Bench.Alice, 0, Bench.Actor);
        Refused(RegistryError.OverQuota, () => bench.Add("p", 5));
        bench.Registry.DeletePolicy(Bench.Alice, "p", Bench.Actor);
        Assert.Equal(new OwnerUsage(Bench.Alice, 0, 0), bench.Registry.Usage(Bench.Alice));
        Refused(RegistryError.Invalid, () => bench.Registry.SetQuota(Bench.Alice, -1, Bench.Actor));
        Assert.Equal(new OwnerUsage("carol", 0, null), bench.Registry.Usage("carol"));
    }

    [SkippableFact]
    public void T13_Many_uploads_at_once_get_no_further_either()
    {
        using var bench = Begin();
        bench.Create("p", 0);
        bench.Create("q", 0);
        var digest = bench.Blobs.Put(Bench.Content(1));
        bench.Registry.SetQuota(Bench.Alice, 5 * Bench.Content(1).Length, Bench.Actor);
        var added = 0;
        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 6 }, i =>
        {
            try
            {
                bench.Registry.AddRevision(Bench.Alice, i % 2 == 0 ? "p" : "q", new NewRevision(digest, "v"), Bench.Actor);
                Interlocked.Increment(ref added);
            }
            catch (RegistryException e) when (e.Error == RegistryError.OverQuota)
            {
                // The quota's.
            }
        });
        Assert.Equal(5, added);
        Assert.Equal(5 * Bench.Content(1).Length, bench.Registry.Usage(Bench.Alice).Bytes);
    }

    [SkippableFact]
    public void T14_Provenance_is_the_chain_from_the_base_to_the_adapter()
    {
        using var bench = Begin();
        bench.Create("p", 0);
        NewRevision Made(int content, char data, int? parent) =>
            new(bench.Blobs.Put(Bench.Content(content)), "v1") { Data = new string(data, 64), Training = $$"""{"seed": {{content}}}""", Parent = parent };
        bench.Registry.AddRevision(Bench.Alice, "p", Made(1, 'd', null), Bench.Actor);
        bench.Registry.AddRevision(Bench.Alice, "p", Made(2, 'e', null), Bench.Actor);
        bench.Registry.AddRevision(Bench.Alice, "p", Made(3, 'f', 1), Bench.Actor);
        bench.Registry.AddRevision(Bench.Alice, "p", Made(3, 'f', 2), Bench.Actor);
        var provenance = bench.Registry.ProvenanceOf(Bench.Alice, "p", 3);
        Assert.Equal(Bench.BaseDigest, provenance.Base);
        Assert.Equal([1, 3], provenance.Chain.Select(r => r.Number));
        Assert.Equal([new string('d', 64), new string('f', 64)], provenance.Chain.Select(r => r.Data));
        // The same bytes by another way are another provenance.
        var other = bench.Registry.ProvenanceOf(Bench.Alice, "p", 4);
        Assert.Equal(provenance.Chain[^1].Digest, other.Chain[^1].Digest);
        Assert.NotEqual(provenance.Digest(), other.Digest());
        Assert.Equal(provenance.Digest(), bench.Open().ProvenanceOf(Bench.Alice, "p", 3).Digest());
        foreach (var changed in new[] { provenance with { Base = new string('c', 64) }, provenance with { Chain = [provenance.Chain[0] with { Data = null }, provenance.Chain[1]] }, provenance with { Chain = [provenance.Chain[0], provenance.Chain[1] with { Training = "{}" }] } })
            Assert.NotEqual(provenance.Digest(), changed.Digest());
        Assert.Equal("policy 'p' has no revision 9", Refused(RegistryError.Missing, () => bench.Registry.ProvenanceOf(Bench.Alice, "p", 9)).Message);
    }

    [SkippableFact]
    public void T14_The_audit_log_replays_what_was_served()
    {
        using var bench = Begin();
        bench.Create("p", 3);
        var registry = bench.Registry;
        var served = new List<(DateTimeOffset At, int Revision)>();
        var (current, random) = (1, new Random(14));
        for (var i = 0; i < 12; i++)
        {
            bench.Clock.Now += TimeSpan.FromSeconds(1);
            var next = current % 3 + 1;
            if (next < current && random.Next(2) == 0) registry.Rollback(Bench.Alice, "p", "live", next, current, "somebody");
            else registry.Publish(Bench.Alice, "p", "live", next, current, "somebody");
            current = next;
            served.Add((bench.Clock.Now, registry.Resolve(Bench.Alice, "p").Number));
        }
        var log = registry.Audit(Bench.Alice, "p");
        Assert.All(served, s => Assert.Equal(s.Revision, AuditReplay.PointersAt(log, s.At)["live"]));
        Assert.Empty(AuditReplay.PointersAt(log, served[0].At - TimeSpan.FromDays(1)));
        Assert.Equal(log, bench.Registry.Audit(Bench.Alice, "p", limit: 5).Concat(bench.Registry.Audit(Bench.Alice, "p", log[4].Sequence)));
        var gap = log.Where((a, i) => i != log.Count - 2);
        Assert.StartsWith($"audit entry {log[^1].Sequence}: ", Assert.Throws<Core.PbenchException>(() => AuditReplay.PointersAt(gap, bench.Clock.Now)).Message);
        registry.DeletePolicy(Bench.Alice, "p", Bench.Actor);
        Assert.Empty(AuditReplay.PointersAt(registry.Audit(Bench.Alice, "p"), bench.Clock.Now));
    }

    [SkippableTheory]
    [InlineData("UPDATE audit SET actor = 'nobody'")]
    [InlineData("DELETE FROM audit")]
    [InlineData("UPDATE revisions SET bytes = 0")]
    public void T14_Nobody_changes_the_log_or_a_revision_by_hand(string sql)
    {
        using var bench = Begin();
        bench.Create("p", 1);
        var before = bench.Registry.Audit(Bench.Alice);
        var error = Assert.ThrowsAny<DbException>(() => bench.Sql(sql));
        Assert.Contains(sql.Contains("audit", StringComparison.Ordinal) ? "audit is append-only" : "revisions are immutable", error.Message);
        var replace = bench.IsSqlite ? "INSERT OR REPLACE INTO audit SELECT * FROM audit" : "TRUNCATE audit";
        Assert.Contains("audit is append-only", Assert.ThrowsAny<DbException>(() => bench.Sql(replace)).Message);
        Assert.Equal(before, bench.Registry.Audit(Bench.Alice));
    }
}
