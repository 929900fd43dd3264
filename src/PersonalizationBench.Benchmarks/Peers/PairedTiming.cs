using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Benchmarks;

/// <summary>Seconds of one pair: the same work by both sides, one right after the other.</summary>
public readonly record struct TimedPair(double Ours, double Theirs)
{
    /// <summary>Above 1 where ours took less time.</summary>
    public double Ratio => Theirs / Ours;
}

/// <summary>
/// Pairs measured in turn (ours, theirs, ours, theirs, ...): whatever else the machine does falls on both sides, and the
/// ratio within a pair is what is compared. The median is reported with the smallest and largest beside it.
/// </summary>
public sealed class PairedTiming(IReadOnlyList<TimedPair> pairs)
{
    public IReadOnlyList<TimedPair> Pairs { get; } = pairs.Count > 0 ? pairs : throw new ArgumentException("at least one pair", nameof(pairs));

    public double OursSeconds => Pairs.Select(p => p.Ours).Median();

    public double TheirsSeconds => Pairs.Select(p => p.Theirs).Median();

    public double Ratio => Pairs.Select(p => p.Ratio).Median();

    public double SmallestRatio => Pairs.Min(p => p.Ratio);

    public double LargestRatio => Pairs.Max(p => p.Ratio);
}

/// <summary>How far two courses of losses are apart.</summary>
public static class Losses
{
    /// <summary>The largest |a - b| / |b| over the steps. Both must have as many.</summary>
    public static double RelativeDifference(IReadOnlyList<double> ours, IReadOnlyList<double> theirs) =>
        Differences(ours, theirs).DefaultIfEmpty(0).Max();

    /// <summary>The root mean square of (a - b) / b over the steps: less a matter of one step's luck than the largest is.</summary>
    public static double RootMeanSquareDifference(IReadOnlyList<double> ours, IReadOnlyList<double> theirs) =>
        Math.Sqrt(Differences(ours, theirs).Select(d => d * d).DefaultIfEmpty(0).Average());

    private static IEnumerable<double> Differences(IReadOnlyList<double> ours, IReadOnlyList<double> theirs)
    {
        if (ours.Count != theirs.Count) throw new ArgumentException($"{ours.Count} losses against {theirs.Count}");
        return ours.Zip(theirs, (a, b) => Math.Abs(a - b) / Math.Abs(b));
    }
}
