using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Analysis;

/// <summary>What a comparison came to, in the word that the report says.</summary>
/// <param name="Word">better, worse, equivalent, or no difference shown.</param>
public sealed record Verdict(string Word)
{
    public static readonly Verdict Better = new("better"), Worse = new("worse"), Equivalent = new("equivalent"), Open = new("no difference shown");

    /// <summary>By the corrected p alone; what is neither better nor worse is equivalent only where a margin was declared and held.</summary>
    public static Verdict Of(Comparison comparison, Measure measure) =>
        comparison.PValue < PairedComparison.Significance ? comparison.Difference.Estimate > 0 == measure.IsHigherBetter ? Better : Worse
        : comparison.EquivalenceP < PairedComparison.Significance ? Equivalent
        : Open;

    public bool IsDifference => this == Better || this == Worse;

    /// <summary>What the study could have found, to stand beside "no difference".</summary>
    public static string Detectable(Comparison comparison, Measure measure) =>
        double.IsInfinity(comparison.SmallestDetectable) ? $"nothing, with {comparison.Difference.Units} users" : measure.ShowSize(comparison.SmallestDetectable);
}
