using System.Globalization;
using System.Text;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/memory/memory.csv</c>.</summary>
public sealed record MemoryRecord
{
    public const string Operators = "operators", Pages = "pages";

    public int Schema { get; init; } = 1;
    /// <summary>What answers: operators, or steps over pages.</summary>
    public required string Path { get; init; }
    /// <summary>Sequences scored in one call.</summary>
    public required int Rows { get; init; }
    /// <summary>Of each; every one but the first is scored.</summary>
    public required int Tokens { get; init; }
    public required long Parameters { get; init; }
    public required long WeightBytes { get; init; }
    /// <summary>The process's largest resident memory during the call, less what it had with the base loaded.</summary>
    public required long AboveBytes { get; init; }
    public required string Engine { get; init; }
    public required int Threads { get; init; }
}

/// <summary>What scoring takes above the weights, as a page.</summary>
public static class MemoryPage
{
    public static string Of(IReadOnlyList<MemoryRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # Memory of scoring

        Made by `./bench bench memory` on {BenchFolder.Processor()}, {records[0].Threads} threads. A base of {records[0].Parameters / 1e6:F0} M parameters in f32 (weights of
        {records[0].WeightBytes / 1e6:F0} MB), drawn and not trained, scores sequences of drawn tokens. Each row is a process of its own: the largest resident memory
        during the one call, less what the process had with the base loaded. The largest is {records.Max(r => r.AboveBytes) / 1e6:F0} MB.

        {Table(records)}
        """);

    public static string Table(IReadOnlyList<MemoryRecord> records)
    {
        var table = new StringBuilder("| path | sequences | tokens of each | MB above the weights |\n|---|---:|---:|---:|\n");
        foreach (var r in records) table.Append(CultureInfo.InvariantCulture, $"| {r.Path} | {r.Rows} | {r.Tokens} | {r.AboveBytes / 1e6:F0} |\n");
        return table.ToString();
    }
}
