using System.Globalization;
using System.Text;
using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/costs/costs.csv</c>: an arm measured twice, the arms in the order of the study and in the opposite one.
/// Medians of questions asked one at a time with their 95 % intervals, in milliseconds; peak memory above the loaded base, in bytes (null for
/// a control, and where it cannot be measured).</summary>
public sealed record CostOrderRecord
{
    public int Schema { get; init; } = 1;
    public required string Study { get; init; }
    public required string Base { get; init; }
    public required string Dataset { get; init; }
    public required string Strategy { get; init; }
    public required string Label { get; init; }
    public required string Control { get; init; }
    public required int Probes { get; init; }
    public double? FirstTokenMs { get; init; }
    public double? FirstTokenMsLow { get; init; }
    public double? FirstTokenMsHigh { get; init; }
    public double? FirstTokenMsReversed { get; init; }
    public double? FirstTokenMsReversedLow { get; init; }
    public double? FirstTokenMsReversedHigh { get; init; }
    public long? MemoryAdaptBytes { get; init; }
    public long? MemoryAdaptBytesReversed { get; init; }
    public long? MemoryAnswerBytes { get; init; }
    public long? MemoryAnswerBytesReversed { get; init; }

    /// <summary>How far the larger of the two peaks is above the smaller, adapting and answering, whichever is worse: 0 within <see cref="Costs.MemoryGrain"/>;
    /// null where not measured.</summary>
    public double? MemoryApart() => new[] { Apart(MemoryAdaptBytes, MemoryAdaptBytesReversed), Apart(MemoryAnswerBytes, MemoryAnswerBytesReversed) }.Max();

    /// <summary>The larger of the two differences, in bytes; null where not measured.</summary>
    public long? MemoryDifference() => new[] { Difference(MemoryAdaptBytes, MemoryAdaptBytesReversed), Difference(MemoryAnswerBytes, MemoryAnswerBytesReversed) }.Max();

    /// <summary>Whether one of the medians lies in the other's interval; null where not measured.</summary>
    public bool? MediansAgree() => (FirstTokenMs >= FirstTokenMsReversedLow && FirstTokenMs <= FirstTokenMsReversedHigh) || (FirstTokenMsReversed >= FirstTokenMsLow && FirstTokenMsReversed <= FirstTokenMsHigh)
        ? true : FirstTokenMs is null || FirstTokenMsReversed is null ? null : false;

    private static long? Difference(long? one, long? other) => one is { } a && other is { } b ? Math.Abs(a - b) : null;

    private static double? Apart(long? one, long? other) => one is not { } a || other is not { } b ? null : Math.Abs(a - b) <= Costs.MemoryGrain ? 0 : ((double)Math.Max(a, b) / Math.Max(1, Math.Min(a, b))) - 1;
}

/// <summary>Whether what costs are measured as hangs on the order of measuring, as a page.</summary>
public static class CostOrdersPage
{
    public static string Of(IReadOnlyList<CostOrderRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # The same costs in two orders

        Made by `./bench bench costs` on {BenchFolder.Processor()}. Every arm of a study is measured in the study's order and in the opposite one, there,
        back, back and there again: the median time to the first token of {records.Select(r => r.Probes).Max()} questions asked one at a time, with its 95 % interval, and the peak memory above the loaded
        base of a process that ran nothing before. An arm and its wrong-user control compute the same.

        {Table(records)}
        {string.Join("\n", Verdicts(records).Select(v => $"- {v}"))}

        """);

    public static string Table(IReadOnlyList<CostOrderRecord> records)
    {
        var table = new StringBuilder("| base | arm | first token, ms | reversed | adapting | reversed | answering | reversed |\n|---|---|---:|---:|---:|---:|---:|---:|\n");
        foreach (var r in records)
            table.Append($"| {r.Base} | {r.Label}{(r.Control == "" ? "" : $" ({r.Control})")} | {Median(r.FirstTokenMs, r.FirstTokenMsLow, r.FirstTokenMsHigh)} | {Median(r.FirstTokenMsReversed, r.FirstTokenMsReversedLow, r.FirstTokenMsReversedHigh)} | {Bytes(r.MemoryAdaptBytes)} | {Bytes(r.MemoryAdaptBytesReversed)} | {Bytes(r.MemoryAnswerBytes)} | {Bytes(r.MemoryAnswerBytesReversed)} |\n");
        return table.ToString();
    }

    /// <summary>What was to be shown, in a sentence each.</summary>
    public static IReadOnlyList<string> Verdicts(IReadOnlyList<CostOrderRecord> records)
    {
        var verdicts = new List<string>();
        if (records.Select(r => r.MemoryApart()).Max() is { } apart)
            verdicts.Add($"Peak memory of the two orders differs by at most {Format.Bytes(records.Max(r => r.MemoryDifference())!.Value)}; where it differs by more than 1 MiB, which is what the kernel tells, by at most {Format.Percent(apart)} %.");
        var timed = records.Where(r => r.MediansAgree() is not null).ToList();
        if (timed.Count > 0) verdicts.Add($"Of {timed.Count} arms, {timed.Count(r => r.MediansAgree() == true)} have the median of one order in the interval of the other.");
        if (Identical(records).ToList() is { Count: > 0 } same) verdicts.Add($"Identical computations, an arm and its wrong-user control, are at most {Format.Number(same.Max())} times as slow as each other.");
        return verdicts;
    }

    /// <summary>Of every arm with a control, the slower median over the faster, in both orders.</summary>
    private static IEnumerable<double> Identical(IReadOnlyList<CostOrderRecord> records) =>
        from control in records
        where control.Control != ""
        from arm in records
        where arm.Control == "" && (arm.Base, arm.Dataset, arm.Label) == (control.Base, control.Dataset, control.Label)
        from pair in new[] { (arm.FirstTokenMs ?? 0, control.FirstTokenMs ?? 0), (arm.FirstTokenMsReversed ?? 0, control.FirstTokenMsReversed ?? 0) }
        where pair.Item1 > 0 && pair.Item2 > 0
        select Math.Max(pair.Item1, pair.Item2) / Math.Min(pair.Item1, pair.Item2);

    private static string Median(double? median, double? low, double? high) => median is null ? "–" : $"{Format.Number(median.Value)} [{Format.Number(low!.Value)}, {Format.Number(high!.Value)}]";

    private static string Bytes(long? bytes) => bytes is null ? "–" : Format.Bytes(bytes.Value);
}
