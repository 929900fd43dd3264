using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting;

/// <summary>One arm on one measure in two folders of results.</summary>
/// <param name="Agrees">Each mean lies within the other's interval.</param>
/// <param name="Paired">On the same probes and seeds; null where the two have other data, or no probe in common.</param>
public sealed record ComparedMean(string Arm, Measure Measure, MeasuredMean Before, MeasuredMean After, bool Agrees, PairedChange? Paired);

/// <summary>How the same probes in the same seeds were scored the second time.</summary>
/// <param name="Mean">Second score minus first.</param>
/// <param name="Rose">Scores that rose, and in <paramref name="Fell"/> those that fell, of <paramref name="Pairs"/>.</param>
public sealed record PairedChange(double Mean, int Rose, int Fell, int Pairs)
{
    public static PairedChange? Of(IReadOnlyList<ScoredProbe> before, IReadOnlyList<ScoredProbe> after)
    {
        var first = before.ToDictionary(p => (p.User, p.Probe, p.Seed), p => p.Score);
        var changes = after.Where(p => first.ContainsKey((p.User, p.Probe, p.Seed))).Select(p => p.Score - first[(p.User, p.Probe, p.Seed)]).ToList();
        return changes.Count == 0 ? null : new PairedChange(changes.Average(), changes.Count(c => c > 0), changes.Count(c => c < 0), changes.Count);
    }
}

/// <summary>The same study measured twice, by another engine or machine say: whether it came to the same.</summary>
public sealed class StudyComparison
{
    /// <summary>Arms and measures that both have, in the order of the first.</summary>
    public IReadOnlyList<ComparedMean> Means { get; }

    /// <summary>Arms that only one of them has.</summary>
    public IReadOnlyList<string> Unmatched { get; }

    public StudyComparison(StudyResults before, StudyResults after)
    {
        var others = after.Arms.ToDictionary(a => a.Name);
        Means = [.. from arm in before.Arms
                    where others.ContainsKey(arm.Name)
                    from measure in before.Measures
                    where after.Measures.Contains(measure)
                    let first = before.Mean(arm, measure)
                    let second = after.Mean(others[arm.Name], measure)
                    where first is not null && second is not null
                    select new ComparedMean(arm.Name, measure, first, second, IsWithin(first, second) && IsWithin(second, first),
                        arm.First.DatasetDigest == others[arm.Name].First.DatasetDigest ? PairedChange.Of(before.Scores(arm, measure), after.Scores(others[arm.Name], measure)) : null)];
        Unmatched = [.. before.Arms.Select(a => a.Name).Except(others.Keys).Concat(others.Keys.Except(before.Arms.Select(a => a.Name)))];
    }

    /// <summary>Every pair; bold where one mean lies outside the other's interval.</summary>
    public Table Table() => new(
        ["strategy", "measure", "before", "after", "each within the other's interval", "after - before", "rose / fell / same probes"],
        [.. Means.Select(m => (IReadOnlyList<Field>)[
            m.Arm, m.Measure.Name, new Field(m.Measure.Show(m.Before.Mean), !m.Agrees), new Field(m.Measure.Show(m.After.Mean), !m.Agrees), m.Agrees ? "yes" : "no",
            m.Paired is not { } paired ? "–" : m.Measure.IsHigherBetter ? Format.Percent(paired.Mean) : Format.Bits(paired.Mean), m.Paired is { } p ? $"{p.Rose} / {p.Fell} / {p.Pairs}" : "–",
        ])]);

    /// <summary>Arms down, what both measured across: the first one's mean and the second's, bold and with an asterisk where one lies outside the other's interval.</summary>
    public Table Beside()
    {
        var measures = Means.Select(m => m.Measure).Where(m => !m.IsSecondary).Distinct().ToList();
        return new Table(
            ["strategy", .. measures.Select(m => $"{m.Name}, {(m.IsHigherBetter ? "%" : "bits/byte")}")],
            [.. Means.Select(m => m.Arm).Distinct().Select(arm => (IReadOnlyList<Field>)[
                arm,
                .. measures.Select(measure => Means.FirstOrDefault(m => m.Arm == arm && m.Measure == measure) is { } mean
                    ? new Field($"{Show(mean.Before)} → {Show(mean.After)}{(mean.Agrees ? "" : "*")}", !mean.Agrees) : new Field("–")),
            ])]);

        static string Show(MeasuredMean mean) => mean.Measure.IsHigherBetter ? Format.Percent(mean.Mean.Estimate) : Format.Bits(mean.Mean.Estimate);
    }

    private static bool IsWithin(MeasuredMean mean, MeasuredMean other)
    {
        // An interval of one value, as of an arm that never errs, holds that value but for rounding.
        const double Rounding = 1e-9;
        return mean.Mean.Estimate >= other.Mean.Low - Rounding && mean.Mean.Estimate <= other.Mean.High + Rounding;
    }
}
