using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting;

/// <summary>One arm on one measure in two folders of results.</summary>
/// <param name="Agrees">Each mean lies within the other's interval.</param>
public sealed record ComparedMean(string Arm, Measure Measure, MeasuredMean Before, MeasuredMean After, bool Agrees);

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
                    select new ComparedMean(arm.Name, measure, first, second, IsWithin(first, second) && IsWithin(second, first))];
        Unmatched = [.. before.Arms.Select(a => a.Name).Except(others.Keys).Concat(others.Keys.Except(before.Arms.Select(a => a.Name)))];
    }

    /// <summary>Every pair; bold where one mean lies outside the other's interval.</summary>
    public Table Table() => new(
        ["strategy", "measure", "before", "after", "each within the other's interval"],
        [.. Means.Select(m => (IReadOnlyList<Field>)[
            m.Arm, m.Measure.Name, new Field(m.Measure.Show(m.Before.Mean), !m.Agrees), new Field(m.Measure.Show(m.After.Mean), !m.Agrees), m.Agrees ? "yes" : "no",
        ])]);

    private static bool IsWithin(MeasuredMean mean, MeasuredMean other)
    {
        // An interval of one value, as of an arm that never errs, holds that value but for rounding.
        const double Rounding = 1e-9;
        return mean.Mean.Estimate >= other.Mean.Low - Rounding && mean.Mean.Estimate <= other.Mean.High + Rounding;
    }
}
