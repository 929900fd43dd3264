using System.Diagnostics;
using System.Globalization;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>
/// Test 6 of a trusted server: a crash at every step of temporary file, flush, rename, flush of the folder, commit of the pointer leaves
/// the old or the new, never a part.
/// </summary>
[Collection(PostgresServer.Collection)]
public sealed class CrashTests(PostgresServer server)
{
    private const int Kills = 8;

    /// <summary>What the disk holds at each step is copied, and opened as after a crash.</summary>
    [Fact]
    public void What_is_on_the_disk_at_any_step_is_the_old_or_the_new()
    {
        using var bench = new Bench(postgres: null);
        bench.Create("p", 1);
        var copies = new List<(string At, string Folder)>();
        bench.Blobs.Stepped = step => Copy(step.ToString());
        bench.Registry.Committing = () => Copy("before the commit");
        bench.Add("p", 2);
        Copy("added");
        bench.Registry.Publish(Bench.Alice, "p", "live", 2, 1, Bench.Actor);
        Copy("published");
        bench.Registry.Rollback(Bench.Alice, "p", "live", 1, 2, Bench.Actor);
        Copy("rolled back");

        Assert.Equal([.. Enum.GetNames<BlobStep>(), "before the commit", "added", "before the commit", "published", "before the commit", "rolled back"], copies.Select(c => c.At));
        var revisions = new List<int>();
        var live = new List<int>();
        foreach (var (at, folder) in copies)
        {
            var blobs = new FolderBlobs(Path.Combine(folder, "blobs"), bench.Clock);
            using var registry = RegistryDatabase.OpenSql(Path.Combine(folder, "registry.db"), blobs, bench.Clock);
            AssertWhole(registry, "p", folder);
            revisions.Add(registry.Revisions(Bench.Alice, "p").Count);
            live.Add(registry.Resolve(Bench.Alice, "p").Number);
            // And it goes on from there.
            registry.AddRevision(Bench.Alice, "p", new NewRevision(blobs.Put(Bench.Content(3)), "v"), at);
        }
        Assert.Equal([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2], revisions);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 1], live);

        void Copy(string at)
        {
            var to = Path.Combine(bench.Folder, $"copy-{copies.Count}");
            Directory.CreateDirectory(to);
            // By another process: closing a file drops this one's locks on it.
            using var copy = Process.Start("sh", ["-c", $"cp -a '{bench.Folder}'/registry.db* '{bench.BlobFolder}' '{to}'"]);
            copy.WaitForExit();
            Assert.Equal(0, copy.ExitCode);
            copies.Add((at, to));
        }
    }

    [Fact]
    public void A_process_killed_at_any_moment_loses_nothing_that_it_was_told_is_done() => KillAgainAndAgain(null, Kills);

    [SkippableFact]
    public void The_same_with_PostgreSQL() => KillAgainAndAgain(server.NewSchema(), Kills / 2);

    private static void KillAgainAndAgain(string? postgres, int kills)
    {
        using var bench = new Bench(postgres);
        bench.Create(Victim.Policy, 1);
        var random = new Random(6);
        var (added, live) = (new List<string>(), new List<int> { 1 });
        for (var kill = 0; kill < kills; kill++)
        {
            using (var victim = Victim.Start(bench, kill))
            {
                var lines = new List<string>();
                for (var wanted = random.Next(1, 25); lines.Count < wanted && victim.StandardOutput.ReadLine() is { } line;) lines.Add(line);
                Thread.Sleep(random.Next(4));
                Assert.False(victim.HasExited, $"the victim died by itself, with {(victim.HasExited ? victim.ExitCode : 0)}");
                victim.Kill();
                victim.WaitForExit();
                while (victim.StandardOutput.ReadLine() is { } line) lines.Add(line);
                // A last line without its end was not said.
                foreach (var words in lines.Select(l => l.Split(' ')))
                {
                    if (words is ["added", _, { Length: 64 } digest]) added.Add(digest);
                    else if (words is ["live", var number]) live.Add(int.Parse(number, CultureInfo.InvariantCulture));
                }
            }
            var blobs = new FolderBlobs(bench.BlobFolder, bench.Clock);
            using var registry = RegistryDatabase.OpenSql(bench.Connection, blobs, bench.Clock);
            // Waits for a commit of the dead that the server has in hand.
            registry.Evaluate(Bench.Alice, Victim.Policy, 1, "killed", kill, null, Bench.Actor);
            AssertWhole(registry, Victim.Policy, bench.Folder);
            var found = registry.Revisions(Bench.Alice, Victim.Policy, after: 1, limit: 10_000).Select(r => r.Digest).ToList();
            Assert.Equal(added, found.Take(added.Count));
            var moves = registry.Audit(Bench.Alice, Victim.Policy, limit: 10_000).Where(a => a.Pointer is not null).Select(a => a.Revision!.Value).ToList();
            Assert.Equal(live, moves.Take(live.Count));
            // What was done and could not be said any more: one at most.
            Assert.InRange(found.Count + moves.Count - added.Count - live.Count, 0, 1);
            (added, live) = (found, moves);
        }
        Assert.True(live.Count > kills, $"only {live.Count} moves before {kills} kills");
    }

    /// <summary>Every pointer names a revision, every revision's bytes are there and its own, the log tells the same, and there is no litter.</summary>
    private static void AssertWhole(SqlRegistry registry, string policy, string folder)
    {
        foreach (var revision in registry.Revisions(Bench.Alice, policy, limit: 10_000)) Assert.Equal(revision.Bytes, registry.Blobs.Read(revision.Digest).Length);
        var pointers = registry.Pointers(Bench.Alice, policy);
        foreach (var pointer in pointers) Assert.Equal(pointer.Revision, registry.Resolve(Bench.Alice, $"{policy}@{pointer.Name}").Number);
        var replayed = AuditReplay.PointersAt(registry.Audit(Bench.Alice, policy, limit: 10_000), DateTimeOffset.MaxValue);
        Assert.Equal(pointers.ToDictionary(p => p.Name, p => p.Revision), replayed);
        Assert.Equal(registry.Revisions(Bench.Alice, policy, limit: 10_000).Sum(r => r.Bytes), registry.Usage(Bench.Alice).Bytes);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(folder, "blobs", "incoming")));
    }
}
