using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Adapt;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Core;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Load;

/// <summary>One move of a pointer, one row of <c>results/rollback/rollback.csv</c>. Milliseconds, over HTTP, as the client sees them.</summary>
internal sealed record RollbackRecord
{
    public int Schema { get; init; } = 1;
    /// <summary>Other requests at a time.</summary>
    public required int Workers { get; init; }
    public required int Move { get; init; }
    /// <summary>rollback, or publish: forward again.</summary>
    public required string Kind { get; init; }
    /// <summary>One token of the revision that was live, its adapter in its slot.</summary>
    public required double BeforeMs { get; init; }
    /// <summary>Until the move was confirmed.</summary>
    public required double MoveMs { get; init; }
    /// <summary>One token for the next request, by the revision moved to.</summary>
    public required double NextMs { get; init; }
}

/// <summary>
/// <c>pbench bench rollback BASE</c>: moves a policy's live pointer back and forth, with nobody else there and under random traffic to the
/// other policies; how long a move takes, and the next request, which the revision moved to must answer.
/// </summary>
internal static class RollbackCommand
{
    private const string Rollback = "rollback", Prompt = "the next request";

    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int> s_moves = new("--moves") { Description = "Rollbacks with and without load, and as many moves forward", DefaultValueFactory = _ => 200 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Other requests at a time, under load", DefaultValueFactory = _ => 6 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/rollback of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("rollback", "Time rollbacks under traffic, until the next request is answered") { s_base, s_moves, s_workers, s_output };
        command.SetAction(async (parse, cancellation) =>
        {
            var (workbench, name) = (bench ?? Workbench.OfThisMachine(), parse.GetRequiredValue(s_base));
            var started = workbench.Clock.GetUtcNow();
            var folder = Directory.CreateTempSubdirectory("pbench-rollback-").FullName;
            try
            {
                var population = TrafficPopulation.Create(workbench, name, folder);
                var moved = population.Policies[0];
                AddRevision(workbench, population, moved);
                var (records, requests) = (new List<RollbackRecord>(), 0L);
                using (var server = await population.ServeAsync(cancellation))
                {
                    foreach (var workers in new[] { 0, parse.GetValue(s_workers) }.Distinct())
                    {
                        requests += await RunAsync(server, population, moved, workers, parse.GetValue(s_moves), records, cancellation);
                        workbench.Output.WriteLine(Summary(records, workers));
                    }
                }
                var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "rollback");
                BenchFolder.Write(results, "rollback.csv", records, $"pbench bench rollback {name}", new JsonObject { ["moves"] = parse.GetValue(s_moves), ["workers"] = parse.GetValue(s_workers) }, started, TorchSharp.torch.__version__);
                AtomicFile.WriteText(Path.Combine(results, "README.md"), Page(name, records, requests));
                workbench.Output.WriteLine($"written: {Workbench.Shown(results)}");
                return 0;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }

    private static void AddRevision(Workbench bench, TrafficPopulation population, TrafficPolicy policy)
    {
        using var registry = RegistryDatabase.Open(population.Registry, new FolderBlobs(population.Blobs, bench.Clock), bench.Clock);
        registry.AddRevision(policy.Owner.Name, policy.Id, new NewRevision(registry.Blobs.Put(population.AdapterBlobs[^1]), "drawn"), "pbench");
    }

    /// <summary>Adds to the records. Throws where another revision answers than the one moved to, or where the traffic met a fault.</summary>
    /// <returns>How many other requests there were.</returns>
    private static async Task<long> RunAsync(ServerProcess server, TrafficPopulation population, TrafficPolicy policy, int workers, int moves, List<RollbackRecord> records, CancellationToken cancellation)
    {
        using var client = new ServerRevisions(server.Address.ToString(), policy.Owner.AdminKey, policy.Owner.InferenceKey);
        using var traffic = population.Traffic(server, [.. population.Policies.Where(p => p != policy)], []);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = traffic.RunAsync(workers, TimeSpan.Zero, 1, over.Token);
        var live = 1;
        for (var move = -1; move < 2 * moves; move++)
        {
            var (from, to) = (live, 3 - live);
            await client.AskAsync(policy.Id, Pointer.Live, from, Prompt, cancellation);
            var before = await TimeAsync(client.AskAsync(policy.Id, Pointer.Live, from, Prompt, cancellation));
            var moved = await TimeAsync(to < from
                ? client.RollBackAsync(policy.Id, Pointer.Live, to, from, cancellation)
                : client.PublishAsync(policy.Id, Pointer.Live, to, from, cancellation));
            var next = await TimeAsync(client.AskAsync(policy.Id, Pointer.Live, to, Prompt, cancellation));
            live = to;
            // The first goes forward and is the server's first of its kind.
            if (move >= 0) records.Add(new RollbackRecord { Workers = workers, Move = move, Kind = to < from ? Rollback : "publish", BeforeMs = before, MoveMs = moved, NextMs = next });
        }
        if (live == 2) await client.RollBackAsync(policy.Id, Pointer.Live, 1, 2, cancellation);
        traffic.MayBreak = true;
        await over.CancelAsync();
        await running;
        return traffic.Faults.TryPeek(out var fault) ? throw new PbenchException($"beside the moves: {fault}") : traffic.Counts.Values.Sum();
    }

    private static async Task<double> TimeAsync(Task task)
    {
        var begun = Stopwatch.GetTimestamp();
        await task;
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    private static string Page(string baseName, IReadOnlyList<RollbackRecord> records, long requests) => string.Create(CultureInfo.InvariantCulture, $"""
        # Rollbacks under load

        Made by `./bench bench rollback {baseName}`: a policy of `pbench serve` is moved back and forth between two revisions over HTTP, alone and beside {requests} random
        requests to the others (answers, streams, uploads, publishes, rollbacks, bad requests). After each move the next request is sent, and the
        revision moved to has answered every one of them.

        {string.Join("\n\n", records.Select(r => r.Workers).Distinct().Select(w => Summary(records, w)))}

        """);

    private static string Summary(IEnumerable<RollbackRecord> records, int workers)
    {
        var rollbacks = records.Where(r => r.Workers == workers && r.Kind == Rollback).ToList();
        return string.Create(CultureInfo.InvariantCulture,
            $"{(workers == 0 ? "Alone" : $"With {workers} other requests at a time")}, {rollbacks.Count} rollbacks, median and 99th percentile: confirmed after {Of(rollbacks, r => r.MoveMs)} ms, the next request's token {Of(rollbacks, r => r.NextMs)} ms after that; a token of the revision before took {Of(rollbacks, r => r.BeforeMs)} ms.");
    }

    private static string Of(IReadOnlyList<RollbackRecord> records, Func<RollbackRecord, double> value) => string.Create(CultureInfo.InvariantCulture, $"{records.Select(value).Median():0.0} and {records.Select(value).Quantile(0.99):0.0}");
}
