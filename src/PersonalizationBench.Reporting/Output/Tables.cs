using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Output;

/// <summary>The tables of the report. What was not measured is a dash.</summary>
public static class Tables
{
    private const string Missing = "–";

    /// <summary>The comparisons that the study declared; null where it declared none.</summary>
    public static Table? Contrasts(StudyResults results) => results.Analysis.Contrasts.Count == 0 ? null : new Table(
        ["contrast", "difference", "p (Holm)", "verdict", "smallest detectable", "won", "lost"],
        [.. results.Analysis.Contrasts.Select(c => (IReadOnlyList<Field>)[
            c.Name,
            c.Measure.Show(c.Comparison.Difference),
            Format.PValue(c.Comparison.PValue),
            new Field(c.Verdict == Verdict.Equivalent ? $"{c.Verdict.Word} (within {c.Measure.ShowSize(c.Margin!.Value)})" : c.Verdict.Word, c.Verdict != Verdict.Open),
            Verdict.Detectable(c.Comparison, c.Measure),
            Format.Whole(c.Comparison.Won),
            Format.Whole(c.Comparison.Lost),
        ])]);

    /// <summary>What a study shows on a screen of 100 columns: its declared contrasts, and its key table in as many parts as that takes.</summary>
    public static IEnumerable<Table> ForScreen(StudyResults results)
    {
        // A line of a table on a terminal begins with a stroke, and between two columns stand a space, a stroke and a space.
        const int Width = 99, Between = 3;
        return new[] { Contrasts(results), Screen(results), Anticipation(results) }.OfType<Table>().SelectMany(t => t.Fit(Width, Between));
    }

    /// <summary>The key table for a screen: whole percents and no more columns than say what matters.</summary>
    private static Table Screen(StudyResults results)
    {
        var measures = results.Measures.Where(m => !m.IsSecondary).ToList();
        var answers = AnsweredMeasure(results);
        return new Table(
            ["strategy", .. measures.Select(m => $"{m.Name} {(m.IsHigherBetter ? "%" : "bits/B")}"), .. answers is null ? Array.Empty<string>() : ["answered %", "right of those %"], "stored", "tokens"],
            [.. results.Arms.Select(arm => (IReadOnlyList<Field>)[
                arm.Name,
                .. measures.Select(m => results.Mean(arm, m) is { } mean ? (Field)m.ShowShort(mean.Mean) : Missing),
                .. Answers(results, arm, answers, Format.WholePercent),
                Show(arm.Mean(r => r.StoredBytesPerUser), Format.Bytes),
                Show(arm.Mean(r => r.PromptTokensPerProbe), Format.Whole),
            ])]);
    }

    /// <summary>Of the kind that is asked most in words, if whether it was answered is known.</summary>
    private static Measure? AnsweredMeasure(StudyResults results) =>
        results.Measures.FirstOrDefault(m => m.Metric == Metric.ExactMatch && results.Measures.Any(o => o.Kind == m.Kind && o.Metric == Metric.Answered));

    private static IEnumerable<Field> Answers(StudyResults results, Arm arm, Measure? measure, Func<Interval, string> format) => measure is null ? [] : [
        results.Mean(arm, new Measure(measure.Kind, Metric.Answered, true)) is { } answered ? format(answered.Mean) : Missing,
        results.RightWhereAnswered(arm, measure) is { } right ? format(right) : Missing,
    ];

    /// <summary>Scores with intervals, and what each strategy needs. Bold: significantly better than every other
    /// strategy that could be used, corrected for all pairs.</summary>
    public static Table Key(StudyResults results)
    {
        var measures = results.Measures.Where(m => !m.IsSecondary).ToList();
        var hasEvidence = results.Arms.Any(a => a.Mean(r => r.EvidenceRecall) is not null);
        var answers = AnsweredMeasure(results);
        var winners = results.Analysis.Standings.Where(s => s.Tied.Count == 0 && s.Contenders > 1).Select(s => (s.Measure, s.Leader)).ToHashSet();
        return new Table(
            [
                "strategy",
                .. measures.Select(m => $"{m.Name}, {(m.IsHigherBetter ? "%" : "bits/byte")}"),
                .. answers is null ? Array.Empty<string>() : [$"{answers.Name}: answered, %", $"{answers.Name}: right where answered, %"],
                .. hasEvidence ? ["evidence found, %"] : Array.Empty<string>(),
                "stored per user",
                "prompt tokens",
                "seeds",
                .. Machine(results, "machine"),
            ],
            [.. results.Arms.Select(arm => (IReadOnlyList<Field>)[
                arm.Name,
                .. measures.Select(m => results.Mean(arm, m) is { } mean ? new Field(m.Show(mean.Mean), winners.Contains((m, arm))) : Missing),
                .. Answers(results, arm, answers, Format.Percent),
                .. hasEvidence ? [Show(arm.Mean(r => r.EvidenceRecall), Format.Percent)] : Array.Empty<Field>(),
                Show(arm.Mean(r => r.StoredBytesPerUser), Format.Bytes),
                Show(arm.Mean(r => r.PromptTokensPerProbe), Format.Whole),
                $"{arm.Runs.Count}",
                .. Machine(results, arm),
            ])]);
    }

    /// <summary>Every arm against no personalisation on the same probes.</summary>
    public static Table AgainstBaseline(StudyResults results) => new(
        ["strategy", "measure", "difference", "gain of headroom, %", "p (max-T)", "smallest detectable", "won", "lost", "verdict"],
        [.. results.Analysis.AgainstBaseline.Select(c => (IReadOnlyList<Field>)[
            c.Arm.Name,
            c.Measure.Name,
            c.Measure.Show(c.Comparison.Difference),
            Show(c.Measure.IsHigherBetter ? Gain.OfHeadroom(results.Mean(c.Baseline, c.Measure)!.Mean.Estimate, results.Mean(c.Arm, c.Measure)!.Mean.Estimate) : null, Format.Percent),
            Format.PValue(c.Comparison.PValue),
            Verdict.Detectable(c.Comparison, c.Measure),
            Format.Whole(c.Comparison.Won),
            Format.Whole(c.Comparison.Lost),
            c.Verdict.Word,
        ])]);

    /// <summary>Scores on what study material anticipated, and on what it did not; null where no arm has both.</summary>
    public static Table? Anticipation(StudyResults results)
    {
        bool HasBoth(Arm arm, Measure measure) => results.Mean(arm, measure, isAnticipated: true) is not null && results.Mean(arm, measure, isAnticipated: false) is not null;
        var measures = results.Measures.Where(m => !m.IsSecondary && results.Arms.Any(a => HasBoth(a, m))).ToList();
        return measures.Count == 0 ? null : new Table(
            ["strategy", .. measures.Select(m => $"{m.Name}, {(m.IsHigherBetter ? "%" : "bits/byte")}")],
            [.. from arm in results.Arms
                where measures.Any(m => HasBoth(arm, m))
                from isAnticipated in new[] { true, false }
                select (IReadOnlyList<Field>)[
                    $"{arm}: {(isAnticipated ? "anticipated" : "not anticipated")}",
                    .. measures.Select(m => results.Mean(arm, m, isAnticipated) is { } mean ? (Field)m.Show(mean) : Missing),
                ]]);
    }

    /// <summary>Every exact match beside the other ways to score the same answers; null where there are none.</summary>
    public static Table? OtherLooks(StudyResults results)
    {
        (string Metric, string Heading)[] looks = [(Metric.Contains, "contains, %"), (Metric.TokenF1, "F1, %"), (Metric.Answered, "answered, %"), (Metric.Choice, "choice, %"), (Metric.ChoiceNormalized, "choice per byte, %")];
        var kinds = results.Measures.Where(m => !m.IsSecondary && m.IsHigherBetter && results.Measures.Any(o => o.Kind == m.Kind && !o.IsCompared)).ToList();
        return kinds.Count == 0 ? null : new Table(
            ["strategy", "kind", "score, %", .. looks.Select(l => l.Heading), "right where answered, %"],
            [.. from kind in kinds
                from arm in results.Arms
                where results.Mean(arm, kind) is not null
                select (IReadOnlyList<Field>)[
                    arm.Name,
                    kind.Name,
                    Format.Percent(results.Mean(arm, kind)!.Mean),
                    .. looks.Select(l => results.Mean(arm, new Measure(kind.Kind, l.Metric, l.Metric != kind.Metric)) is { } mean ? (Field)Format.Percent(mean.Mean) : Missing),
                    results.RightWhereAnswered(arm, kind) is { } right ? Format.Percent(right) : Missing,
                ]]);
    }

    /// <summary>What adapting did to general text; null where nothing was trained or nothing measured.</summary>
    public static Table? Forgetting(StudyResults results)
    {
        var arms = results.Arms.Where(a => a.IsTrained && Forgotten.Of(a) is not null).ToList();
        return arms.Count == 0 ? null : new Table(
            ["strategy", "mean change, bits/byte", "median change, bits/byte", "texts"],
            [.. arms.Select(a => (IReadOnlyList<Field>)[a.Name, Format.Bits(Forgotten.Of(a)!), Show(a.Mean(r => r.HeldOutChangeMedian), Format.Bits), Show(a.Mean(r => r.HeldOutTexts), Format.Whole)])]);
    }

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
