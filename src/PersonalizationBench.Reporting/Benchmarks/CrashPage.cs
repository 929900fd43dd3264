using System.Globalization;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One kill, one row of <c>results/crash/crash.csv</c>.</summary>
public sealed record CrashRecord
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

/// <summary>What a server that was killed left behind, as a page.</summary>
public static class CrashPage
{
    public static string Of(string baseName, IReadOnlyList<CrashRecord> records, IReadOnlyList<string> problems) => $"""
        # A server that is killed

        Made by `./bench bench crash {baseName}`: `pbench serve` is killed with SIGKILL at a random moment of the second and a half after its first answer (answers,
        streams, uploads, publishes, rollbacks, bad requests), and what is left is looked at before it starts again: every revision's
        bytes, every pointer against the last confirmed move and against the audit log, every answer against what was live by that log,
        and every answer against what the same revision answered before the crashes.

        {Summary(records)}.

        Problems: {(problems.Count == 0 ? "none" : string.Join("; ", problems.Take(10)))}.

        """;

    public static string Summary(IReadOnlyList<CrashRecord> records) => string.Create(CultureInfo.InvariantCulture,
        $"{records.Count} kills: {records.Sum(r => r.Requests)} requests, {records.Sum(r => r.Changes)} changes, {records.Sum(r => r.Unconfirmed)} under way of which {records.Sum(r => r.UnconfirmedDone)} had happened, {records.Sum(r => r.Served)} answers held against the audit log, {records[^1].Revisions} revisions whole, {records.Sum(r => r.Problems)} problems; up again in {records.Select(r => r.StartMs).Median():0} ms (median)");
}
