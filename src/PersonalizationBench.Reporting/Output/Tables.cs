using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Output;

/// <summary>The tables of the report. What was not measured is a dash.</summary>
public static class Tables
{
    private const string Missing = "–";

    /// <summary>Scores with intervals, and what each strategy needs. Bold: significantly better than every other
    /// strategy that could be used, after Holm's correction.</summary>
    public static Table Key(StudyResults results)
    {
        var measures = results.Measures.Where(m => !m.IsSecondary).ToList();
        var hasEvidence = results.Arms.Any(a => a.Mean(r => r.EvidenceRecall) is not null);
        var winners = results.Analysis.Standings.Where(s => s.Tied.Count == 0 && s.Contenders > 1).Select(s => (s.Measure, s.Leader)).ToHashSet();
        return new Table(
            [
                "strategy",
                .. measures.Select(m => $"{m.Name}, {(m.IsHigherBetter ? "%" : "bits/byte")}"),
                .. hasEvidence ? ["evidence found, %"] : Array.Empty<string>(),
                "stored per user",
                "prompt tokens",
                "seeds",
                .. Machine(results, "machine"),
            ],
            [.. results.Arms.Select(arm => (IReadOnlyList<Field>)[
                arm.Name,
                .. measures.Select(m => results.Mean(arm, m) is { } mean ? new Field(m.Show(mean.Mean), winners.Contains((m, arm))) : Missing),
                .. hasEvidence ? [Show(arm.Mean(r => r.EvidenceRecall), Format.Percent)] : Array.Empty<Field>(),
                Show(arm.Mean(r => r.StoredBytesPerUser), Format.Bytes),
                Show(arm.Mean(r => r.PromptTokensPerProbe), Format.Whole),
                $"{arm.Runs.Count}",
                .. Machine(results, arm),
            ])]);
    }

    /// <summary>Every arm against no personalisation on the same probes.</summary>
    public static Table AgainstBaseline(StudyResults results) => new(
        ["strategy", "measure", "difference", "gain of headroom, %", "p (Holm)", "smallest detectable", "probes", "verdict"],
        [.. results.Analysis.AgainstBaseline.Select(c => (IReadOnlyList<Field>)[
            c.Arm.Name,
            c.Measure.Name,
            c.Measure.Show(c.Comparison.Difference),
            Show(c.Measure.IsHigherBetter ? Gain.OfHeadroom(results.Mean(c.Baseline, c.Measure)!.Mean.Estimate, results.Mean(c.Arm, c.Measure)!.Mean.Estimate) : null, Format.Percent),
            Format.PValue(c.AdjustedP),
            c.Measure.IsHigherBetter ? Format.Percent(c.Comparison.SmallestDetectable) : Format.Bits(c.Comparison.SmallestDetectable),
            $"{c.Comparison.Pairs}",
            c.IsBetter ? "better" : c.IsWorse ? "worse" : "no difference shown",
        ])]);

    /// <summary>The cost columns, each the mean over an arm's runs; latency and memory of the one run that they are measured of.</summary>
    public static Table Cost(StudyResults results) => new(
        ["strategy", "adapt a user, s", "adapt a user", "trained tokens", "parameters", "stored per user", "once per user", "per query", "first token, ms", "per token, ms", "answer, ms", "memory adapting", "memory answering", "KV per sequence", .. Machine(results, "machine")],
        [.. results.Arms.Select(a => (IReadOnlyList<Field>)[
            a.Name,
            Show(a.Mean(r => r.AdaptSeconds / r.Users), Format.Number),
            Show(a.Mean(r => r.AdaptFlops / r.Users), Format.Flops),
            Show(a.Mean(r => r.TrainedTokens), Format.Whole),
            Show(a.Mean(r => r.TrainableParameters), Format.Whole),
            Show(a.Mean(r => r.StoredBytesPerUser), Format.Bytes),
            Show(a.Mean(r => r.FlopsOncePerUser), Format.Flops),
            Show(a.Mean(r => r.FlopsPerQuery ?? r.FlopsPerProbe), Format.Flops),
            Milliseconds(a, r => r.FirstTokenMsP50, r => r.FirstTokenMsP50Low, r => r.FirstTokenMsP50High),
            Milliseconds(a, r => r.PerTokenMsP50, r => r.PerTokenMsP50Low, r => r.PerTokenMsP50High),
            Milliseconds(a, r => r.AnswerMsP50, r => r.AnswerMsP50Low, r => r.AnswerMsP50High),
            Show(a.Mean(r => r.MemoryAdaptBytes), Memory),
            Show(a.Mean(r => r.MemoryAnswerBytes), Memory),
            Show(a.Mean(r => r.KvBytesPerSequence), Format.Bytes),
            .. Machine(results, a),
        ])]);

    /// <summary>After how many queries of a user training has paid for itself; null where nothing is trained or nothing to compare with.</summary>
    public static Table? BreakEven(StudyResults results)
    {
        var repayments = Costs.Repayments(results);
        return repayments.Count == 0 ? null : new Table(
            ["trained", "instead of", .. Costs.Units.Select((unit, i) => i == 0 ? $"queries to break even, in {unit}" : $"in {unit}")],
            [.. repayments.GroupBy(r => (r.Invested, r.Alternative)).Select(g => (IReadOnlyList<Field>)[
                g.Key.Invested.Name, g.Key.Alternative.Name, .. Costs.Units.Select(unit => Queries(g, unit)),
            ])]);

        static Field Queries(IEnumerable<Repayment> repayments, string unit) => repayments.FirstOrDefault(r => r.Unit == unit) is not { } r ? Missing
            : r.Interval is null ? Whole(r.Queries)
            : $"{Whole(r.Queries)} [{Whole(r.Interval.Low)}, {Whole(r.Interval.High)}]";

        static string Whole(double queries) => Format.Number(Math.Ceiling(queries));
    }

    /// <summary>Bits per parameter of every adapter; null where there is none.</summary>
    public static Table? Capacity(StudyResults results) => results.Analysis.Capacities.Count == 0 ? null : new Table(
        ["strategy", "parameters", "stored per user", "bits per parameter"],
        [.. results.Analysis.Capacities.Select(c => (IReadOnlyList<Field>)[
            c.Arm.Name,
            Show(c.Arm.Mean(r => r.TrainableParameters), Format.Whole),
            Show(c.Arm.Mean(r => r.StoredBytesPerUser), Format.Bytes),
            $"{Format.Number(c.BitsPerParameter.Estimate)} [{Format.Number(c.BitsPerParameter.Low)}, {Format.Number(c.BitsPerParameter.High)}]",
        ])]);

    /// <summary>Cells that were not measured; null where all were.</summary>
    public static Table? Failed(StudyResults results) => results.Failed.Count == 0 ? null : new Table(
        ["strategy", "base", "dataset", "seed", "status", "error"],
        [.. results.Failed.Select(r => (IReadOnlyList<Field>)[r.Label + (r.Control == "" ? "" : $" ({r.Control})"), r.Base, r.Dataset, $"{r.Seed}", r.Status, r.Error])]);

    /// <summary>A column that is there where more than one engine or machine measured.</summary>
    private static IEnumerable<string> Machine(StudyResults results, string heading) => results.Machines.Count > 1 ? [heading] : [];

    /// <summary>The numbers of those that measured an arm, as the report's provenance has them.</summary>
    private static IEnumerable<Field> Machine(StudyResults results, Arm arm) =>
        results.Machines is { Count: > 1 } all ? [string.Join(", ", arm.Runs.Select(r => all.ToList().IndexOf(StudyResults.MachineOf(r)) + 1).Distinct().Order())] : [];

    /// <summary>A median with its interval, where it has one.</summary>
    private static Field Milliseconds(Arm arm, Func<RunRecord, double?> median, Func<RunRecord, double?> low, Func<RunRecord, double?> high) =>
        arm.Mean(low) is { } from && arm.Mean(high) is { } to ? $"{Format.Number(arm.Mean(median)!.Value)} [{Format.Number(from)}, {Format.Number(to)}]" : Show(arm.Mean(median), Format.Number);

    private static string Memory(double bytes) => bytes < Costs.MemoryGrain ? "< 1 MiB" : Format.Bytes(bytes);

    private static Field Show(double? value, Func<double, string> format) => value is null ? Missing : format(value.Value);
}
