using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Adapt;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Lora;
using TorchSharp;

namespace PersonalizationBench.Cli.Bench;

/// <summary>One row of <c>results/adapt/adapt.csv</c>: one user's adaptation.</summary>
internal sealed record AdaptRecord
{
    public int Schema { get; init; } = 1;
    public required string Base { get; init; }
    public required int Threads { get; init; }
    public required string User { get; init; }
    public required int Rank { get; init; }
    /// <summary>New documents, and old ones read again.</summary>
    public required int Documents { get; init; }
    public required int Replayed { get; init; }
    public required double LoadSeconds { get; init; }
    public required double ReadSeconds { get; init; }
    public required double TrainSeconds { get; init; }
    public required double EvaluateSeconds { get; init; }
    public required double PublishSeconds { get; init; }
    /// <summary>From the start to the first answer over HTTP that the new revision gave (or, where it was refused, to the refusal).</summary>
    public required double ServedSeconds { get; init; }
    /// <summary>1: it answered no worse, and was published.</summary>
    public required int Published { get; init; }
    public required int OldFacts { get; init; }
    public required double? OldBefore { get; init; }
    public required double? OldAfter { get; init; }
    public required int NewFacts { get; init; }
    public required double? NewBefore { get; init; }
    public required double? NewAfter { get; init; }
}

/// <summary>
/// <c>pbench bench adapt BASE</c>: users of the synthetic world have a first revision from their first documents; as many again arrive, and
/// what is timed is <c>pbench adapt</c> until a running server has given the first answer by the new revision. Facts are asked before and after.
/// </summary>
internal static class AdaptBenchCommand
{
    private const string Csv = "adapt.csv", Owner = "bench", Old = AdaptSource.OldFacts, New = AdaptSource.NewFacts;

    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int> s_users = new("--users") { Description = "Users of the synthetic world", DefaultValueFactory = _ => 8 };
    private static readonly Option<int> s_documents = new("--documents") { Description = "New documents, after as many old ones", DefaultValueFactory = _ => 100 };
    private static readonly Option<int[]> s_replay = new("--replay") { Description = "Old documents that are read again, one round each", DefaultValueFactory = _ => [0, 100], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> s_rank = new("--rank") { Description = "Of the adapters", DefaultValueFactory = _ => 8 };
    private static readonly Option<double> s_epochs = new("--epochs") { Description = "Times that each document is read", DefaultValueFactory = _ => 10 };
    private static readonly Option<int> s_batch = new("--batch") { Description = "Documents in one step", DefaultValueFactory = _ => 4 };
    private static readonly Option<double> s_rate = new("--learning-rate") { Description = "Peak", DefaultValueFactory = _ => 1e-2 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/adapt of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var adapt = new Command("adapt", "Time new documents until they are served, and ask old and new facts before and after") { s_base, s_users, s_documents, s_replay, s_rank, s_epochs, s_batch, s_rate, s_output };
        adapt.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            foreach (var count in new[] { s_users, s_documents })
                if (parse.GetValue(count) < 1) throw new PbenchException($"{count.Name}: expected at least 1, found {parse.GetValue(count)}");
            var name = parse.GetRequiredValue(s_base);
            var training = new LoraStrategyOptions { Epochs = parse.GetValue(s_epochs), Batch = parse.GetValue(s_batch), LearningRate = parse.GetValue(s_rate) };
            var records = await Measure(workbench, name, parse.GetValue(s_users), parse.GetValue(s_documents), parse.GetRequiredValue(s_replay), new AdaptOptions(parse.GetValue(s_rank), training, 0, 0, 1), cancellation);
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "adapt");
            var settings = new JsonObject { ["users"] = parse.GetValue(s_users), ["documents"] = parse.GetValue(s_documents), ["rank"] = parse.GetValue(s_rank), ["epochs"] = training.Epochs, ["batch"] = training.Batch, ["learning_rate"] = training.LearningRate };
            BenchFolder.Write(folder, Csv, records, $"pbench bench adapt {name}", settings, started, torch.__version__);
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), Readme(name, records));
            workbench.Output.Write(Table(records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return 0;
        });
        return adapt;
    }

    internal static async Task<List<AdaptRecord>> Measure(Workbench bench, string name, int users, int documents, IReadOnlyList<int> replays, AdaptOptions options, CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("pbench-adapt-").FullName;
        try
        {
            using var registry = RegistryDatabase.Open(Path.Combine(folder, "registry.db"), new FolderBlobs(Path.Combine(folder, "blobs"), bench.Clock), bench.Clock);
            var memory = new ServingMemory(Slots: 8, options.Rank ?? options.Training.Rank, AdapterBytes: 1 << 28, PageBytes: 1 << 26);
            using var server = RunningServer.Start(bench.Bases, bench.Clock, name, Precision.Auto, registry, memory, new EngineOptions(), new ServerOptions { Url = "http://127.0.0.1:0" });
            await server.Http.StartAsync(cancellation);
            using var revisions = new ServerRevisions(server.Addresses.Single(), Key(registry, KeyKind.Admin), Key(registry, KeyKind.Inference));
            var records = new List<AdaptRecord>();
            foreach (var replayed in replays)
            {
                for (var user = 0; user < users; user++)
                {
                    records.Add(await One(bench, name, revisions, user, documents, options with { Replayed = replayed }, cancellation));
                    bench.Output.WriteLine(Line(records[^1]));
                }
            }
            await server.Http.StopAsync(cancellation);
            return records;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<AdaptRecord> One(Workbench bench, string name, ServerRevisions revisions, int user, int documents, AdaptOptions options, CancellationToken cancellation)
    {
        var policy = FormattableString.Invariant($"user-{user:000}.replay-{options.Replayed}");
        var adaptation = new Adaptation(bench, revisions);
        AdaptSource Source(int from) => AdaptSource.OfWorld(user, 2 * documents, from, from + documents);
        await adaptation.RunAsync(policy, Pointer.Live, name, () => Source(0), options with { Replayed = 0 }, cancellation);

        var started = bench.Clock.GetTimestamp();
        var (source, outcome) = await adaptation.RunAsync(policy, Pointer.Live, name, () => Source(documents), options, cancellation);
        var isPublished = outcome.Fate == AdaptFate.Published;
        if (isPublished) await revisions.AskAsync(policy, Pointer.Live, outcome.Revision, source.Probes[0].Probe.Prompt, cancellation);
        var served = bench.Clock.GetElapsedTime(started).TotalSeconds;
        var (before, after) = (outcome.Before, outcome.After);
        return new AdaptRecord
        {
            Base = name,
            Threads = torch.get_num_threads(),
            User = source.UserId,
            Rank = options.Rank ?? options.Training.Rank,
            Documents = outcome.Documents,
            Replayed = outcome.Replayed,
            LoadSeconds = outcome.Seconds.Load,
            ReadSeconds = outcome.Seconds.Read,
            TrainSeconds = outcome.Seconds.Train,
            EvaluateSeconds = outcome.Seconds.Evaluate,
            PublishSeconds = outcome.Seconds.Publish,
            ServedSeconds = served,
            Published = isPublished ? 1 : 0,
            OldFacts = after.CountOf(Old),
            OldBefore = before.MeanOf(Old),
            OldAfter = after.MeanOf(Old),
            NewFacts = after.CountOf(New),
            NewBefore = before.MeanOf(New),
            NewAfter = after.MeanOf(New),
        };
    }

    private static string Key(IRegistry registry, KeyKind kind) => registry.CreateKey(Owner, kind, "pbench bench adapt").Secret;

    private static string Line(AdaptRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.User}: {r.Documents} documents, {r.Replayed} replayed: {(r.Published == 1 ? "served" : "refused")} after {r.ServedSeconds:0.00} s (train {r.TrainSeconds:0.00}); old facts {r.OldBefore:0.00} -> {r.OldAfter:0.00} of {r.OldFacts}, new {r.NewBefore:0.00} -> {r.NewAfter:0.00} of {r.NewFacts}");

    /// <summary>A line for each number of replayed documents: medians of seconds, means of accuracy with intervals over users.</summary>
    internal static string Table(IReadOnlyList<AdaptRecord> records)
    {
        var table = new StringBuilder("| replayed | users | published | s to the served answer | load | train | evaluate | publish | old facts before, % | after | new facts before, % | after |\n|---:|---:|---:|---|---:|---:|---:|---:|---|---|---|---|\n");
        foreach (var group in records.GroupBy(r => r.Replayed))
        {
            var rows = group.ToList();
            string Seconds(Func<AdaptRecord, double> of) => rows.Select(of).Median().ToString("0.00", CultureInfo.InvariantCulture);
            string Percent(Func<AdaptRecord, double?> of) => Accuracy([.. rows.Select(of).OfType<double>()]);
            table.Append(CultureInfo.InvariantCulture,
                $"| {group.Key} | {rows.Count} | {rows.Sum(r => r.Published)} | {Seconds(r => r.ServedSeconds)} [{rows.Min(r => r.ServedSeconds):0.00}, {rows.Max(r => r.ServedSeconds):0.00}] | {Seconds(r => r.LoadSeconds)} | {Seconds(r => r.TrainSeconds)} | {Seconds(r => r.EvaluateSeconds)} | {Seconds(r => r.PublishSeconds)} | {Percent(r => r.OldBefore)} | {Percent(r => r.OldAfter)} | {Percent(r => r.NewBefore)} | {Percent(r => r.NewAfter)} |\n");
        }
        return table.ToString();
    }

    private static string Accuracy(IReadOnlyList<double> users)
    {
        if (users.Count == 0) return "";
        var mean = 100 * users.Average();
        if (users.Count == 1) return mean.ToString("0.0", CultureInfo.InvariantCulture);
        var interval = StudentInterval.Mean(users);
        return string.Create(CultureInfo.InvariantCulture, $"{mean:0.0} [{Math.Max(0, 100 * interval.Low):0.0}, {Math.Min(100, 100 * interval.High):0.0}]");
    }

    private static string Readme(string name, IReadOnlyList<AdaptRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # From new documents to a served answer

        Made by `./bench bench adapt {name}` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores, {records[0].Threads} thread{(records[0].Threads == 1 ? "" : "s")}.
        A user of the synthetic world has a rank-{records[0].Rank} adapter of {records[0].Documents} documents, which is served; {records[0].Documents} more arrive, and `pbench adapt` trains the adapter on
        with them (and with *replayed* old ones), asks the adapter before and after the same facts, and publishes it if it answers no worse over all of them.
        The seconds begin with loading the base and end with the first answer that the new revision gives over HTTP, at a server that ran before; .NET's
        own start is not in them. Medians over users, their range in brackets. *Old facts* were first told, with the value that holds
        now, in the old documents; *new facts*, changed ones among them, in the new. Means with 95 % intervals over users.

        {Table(records)}
        """);
}
