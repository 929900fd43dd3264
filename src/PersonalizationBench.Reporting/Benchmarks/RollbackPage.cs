using System.Globalization;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One move of a pointer, one row of <c>results/rollback/rollback.csv</c>. Milliseconds, over HTTP, as the client sees them.</summary>
public sealed record RollbackRecord
{
    public const string Rollback = "rollback", Publish = "publish";

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

/// <summary>How long a policy's move takes, as a page.</summary>
public static class RollbackPage
{
    public static string Of(string baseName, IReadOnlyList<RollbackRecord> records, long requests) => string.Create(CultureInfo.InvariantCulture, $"""
        # Rollbacks under load

        Made by `./bench bench rollback {baseName}`: a policy of `pbench serve` is moved back and forth between two revisions over HTTP, alone and beside {requests} random
        requests to the others (answers, streams, uploads, publishes, rollbacks, bad requests). After each move the next request is sent, and the
        revision moved to has answered every one of them.

        {string.Join("\n\n", records.Select(r => r.Workers).Distinct().Select(w => Summary(records, w)))}

        """);

    public static string Summary(IEnumerable<RollbackRecord> records, int workers)
    {
        var rollbacks = records.Where(r => r.Workers == workers && r.Kind == RollbackRecord.Rollback).ToList();
        return string.Create(CultureInfo.InvariantCulture,
            $"{(workers == 0 ? "Alone" : $"With {workers} other requests at a time")}, {rollbacks.Count} rollbacks, median and 99th percentile: confirmed after {Of(rollbacks, r => r.MoveMs)} ms, the next request's token {Of(rollbacks, r => r.NextMs)} ms after that; a token of the revision before took {Of(rollbacks, r => r.BeforeMs)} ms.");
    }

    private static string Of(IReadOnlyList<RollbackRecord> records, Func<RollbackRecord, double> value) => string.Create(CultureInfo.InvariantCulture, $"{records.Select(value).Median():0.0} and {records.Select(value).Quantile(0.99):0.0}");
}
