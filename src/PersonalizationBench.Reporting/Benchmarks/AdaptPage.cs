using System.Globalization;
using System.Text;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/adapt/adapt.csv</c>: one user's adaptation.</summary>
public sealed record AdaptRecord
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

/// <summary>From new documents to a served answer, as a page.</summary>
public static class AdaptPage
{
    public static string Line(AdaptRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"{r.User}: {r.Documents} documents, {r.Replayed} replayed: {(r.Published == 1 ? "served" : "refused")} after {r.ServedSeconds:0.00} s (train {r.TrainSeconds:0.00}); old facts {r.OldBefore:0.00} -> {r.OldAfter:0.00} of {r.OldFacts}, new {r.NewBefore:0.00} -> {r.NewAfter:0.00} of {r.NewFacts}");

    /// <summary>A line for each number of replayed documents: medians of seconds, means of accuracy with intervals over users.</summary>
    public static string Table(IReadOnlyList<AdaptRecord> records)
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

    public static string Of(string name, IReadOnlyList<AdaptRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
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
