using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Core;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Load;

/// <summary>One kill, one row of <c>results/crash/crash.csv</c>.</summary>
internal sealed record CrashRecord
{
    public int Schema { get; init; } = 1;
    public required int Kill { get; init; }
    /// <summary>From its start to when it listened.</summary>
    public required double StartMs { get; init; }
    /// <summary>From its first answer until it was killed.</summary>
    public required double TrafficMs { get; init; }
    public required long Requests { get; init; }
    public required long Changes { get; init; }
    /// <summary>Moves of pointers that were asked for and not confirmed when it died.</summary>
    public required int Unconfirmed { get; init; }
    /// <summary>Of those, the ones that had happened.</summary>
    public required int UnconfirmedDone { get; init; }
    /// <summary>Answers held against the audit log.</summary>
    public required int Served { get; init; }
    public required int Revisions { get; init; }
    public required int Problems { get; init; }
}

/// <summary>
/// <c>pbench bench crash BASE</c>: kills a server with SIGKILL at random moments of answers, uploads, publishes and rollbacks, and looks
/// each time at what is left: every revision whole, every pointer where the last confirmed move (or the one under way) put it and where
/// the audit log puts it, and every answer by a revision that was live while it was asked for.
/// </summary>
internal static class CrashCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int> s_kills = new("--kills") { Description = "How often", DefaultValueFactory = _ => 200 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Requests at a time", DefaultValueFactory = _ => 6 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/crash of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("crash", "Kill a server under traffic, again and again, and check what is left") { s_base, s_kills, s_workers, s_output };
        command.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            var folder = Directory.CreateTempSubdirectory("pbench-crash-").FullName;
            try
            {
                var population = TrafficPopulation.Create(workbench, parse.GetRequiredValue(s_base), folder);
                var (records, problems, answers) = (new List<CrashRecord>(), new List<string>(), new ConcurrentDictionary<string, string>());
                for (var kill = 1; kill <= parse.GetValue(s_kills); kill++)
                {
                    var (record, found) = await OneAsync(workbench, population, kill, parse.GetValue(s_workers), answers, cancellation);
                    records.Add(record);
                    problems.AddRange(found);
                    foreach (var problem in found) workbench.Error.WriteLine(FormattableString.Invariant($"kill {kill}: {problem}"));
                    if (kill % 10 == 0) workbench.Output.WriteLine(Summary(records));
                }
                var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "crash");
                BenchFolder.Write(results, "crash.csv", records, $"pbench bench crash {parse.GetRequiredValue(s_base)}", new JsonObject { ["kills"] = records.Count, ["workers"] = parse.GetValue(s_workers) }, started, TorchSharp.torch.__version__);
                AtomicFile.WriteText(Path.Combine(results, "README.md"), Page(parse.GetRequiredValue(s_base), records, problems));
                workbench.Output.WriteLine($"{Summary(records)}\nwritten: {Workbench.Shown(results)}");
                return problems.Count == 0 ? 0 : 1;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }

    private static async Task<(CrashRecord Record, IReadOnlyList<string> Problems)> OneAsync(
        Workbench bench, TrafficPopulation population, int kill, int workers, ConcurrentDictionary<string, string> answers, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(1, FormattableString.Invariant($"kill {kill}"));
        using var server = await population.ServeAsync(cancellation);
        using var traffic = population.Traffic(server, answers);
        var life = TimeSpan.FromMilliseconds(1500 * random.NextDouble());
        var running = traffic.RunAsync(workers, TimeSpan.Zero, kill, cancellation);
        // A server's first answer takes its time; what is killed is one at work.
        while (traffic.Served.IsEmpty && !server.HasExited) await Task.Delay(5, cancellation);
        await Task.Delay(life, cancellation);
        traffic.MayBreak = true;
        await server.KillAsync();
        await running;

        var problems = new List<string>(traffic.Faults);
        using var registry = RegistryDatabase.Open(population.Registry, new FolderBlobs(population.Blobs, bench.Clock), bench.Clock);
        var revisions = 0;
        foreach (var owner in population.Policies.Select(p => p.Owner.Name).Distinct())
        {
            var (read, found) = RegistryCheck.Of(registry, owner);
            revisions += read;
            problems.AddRange(found);
        }
        var (unconfirmed, done) = (0, 0);
        foreach (var policy in population.Policies)
        {
            var stands = registry.Pointers(policy.Owner.Name, policy.Id).Single(p => p.Name == Pointer.Live).Revision;
            if (policy.Pending is { } pending)
            {
                unconfirmed++;
                if (stands == pending) done++;
            }
            if (stands != policy.Live && stands != policy.Pending) problems.Add(FormattableString.Invariant($"{policy.Id}: live stands at {stands}; {policy.Live} was confirmed, {policy.Pending} under way"));
            (policy.Live, policy.Pending) = (stands, null);
        }
        problems.AddRange(NotLive(registry, traffic.Served));
        return (new CrashRecord
        {
            Kill = kill,
            StartMs = server.StartTime.TotalMilliseconds,
            TrafficMs = life.TotalMilliseconds,
            Requests = traffic.Counts.Values.Sum(),
            Changes = traffic.Counts.GetValueOrDefault("uploads and publishes") + traffic.Counts.GetValueOrDefault("rollbacks"),
            Unconfirmed = unconfirmed,
            UnconfirmedDone = done,
            Served = traffic.Served.Count,
            Revisions = revisions,
            Problems = problems.Count,
        }, problems);
    }

    /// <summary>Answers by revisions that were not live at any moment between question and answer. The log has the moment at which a move
    /// began to be written; the revision before may be seen until the move was confirmed.</summary>
    private static IEnumerable<string> NotLive(IRegistry registry, IEnumerable<ServedAnswer> served)
    {
        foreach (var group in served.GroupBy(s => s.Policy))
        {
            var moves = RegistryCheck.AllAudit(registry, group.Key.Owner.Name, group.Key.Id).Where(e => e.Pointer == Pointer.Live).ToList();
            // A move that was never confirmed may have become visible at any time.
            var (until, confirmed) = (new DateTimeOffset[moves.Count], 0);
            for (var i = 0; i < moves.Count; i++)
            {
                var isConfirmed = confirmed < group.Key.Confirmed.Count && group.Key.Confirmed[confirmed].Revision == moves[i].Revision;
                if (i > 0) until[i - 1] = isConfirmed ? group.Key.Confirmed[confirmed].At : DateTimeOffset.MaxValue;
                if (isConfirmed) confirmed++;
            }
            if (moves.Count > 0) until[^1] = DateTimeOffset.MaxValue;
            foreach (var answer in group)
            {
                // The log's times are whole milliseconds.
                if (!Enumerable.Range(0, moves.Count).Any(i => moves[i].Revision == answer.Revision && moves[i].At <= answer.Answered && until[i] >= answer.Asked))
                    yield return FormattableString.Invariant($"{group.Key.Id}: answered by revision {answer.Revision}, which the audit log does not have live then");
            }
        }
    }

    private static string Page(string baseName, IReadOnlyList<CrashRecord> records, IReadOnlyList<string> problems) => $"""
        # A server that is killed

        Made by `./bench bench crash {baseName}`: `pbench serve` is killed with SIGKILL at a random moment of the second and a half after its first answer (answers,
        streams, uploads, publishes, rollbacks, bad requests), and what is left is looked at before it starts again: every revision's
        bytes, every pointer against the last confirmed move and against the audit log, every answer against what was live by that log,
        and every answer against what the same revision answered before the crashes.

        {Summary(records)}.

        Problems: {(problems.Count == 0 ? "none" : string.Join("; ", problems.Take(10)))}.

        """;

    private static string Summary(IReadOnlyList<CrashRecord> records) => string.Create(CultureInfo.InvariantCulture,
        $"{records.Count} kills: {records.Sum(r => r.Requests)} requests, {records.Sum(r => r.Changes)} changes, {records.Sum(r => r.Unconfirmed)} under way of which {records.Sum(r => r.UnconfirmedDone)} had happened, {records.Sum(r => r.Served)} answers held against the audit log, {records[^1].Revisions} revisions whole, {records.Sum(r => r.Problems)} problems; up again in {records.Select(r => r.StartMs).Median():0} ms (median)");
}
