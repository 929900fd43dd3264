using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>The median with an interval that supposes nothing of the distribution: two order statistics (Hahn and Meeker, Statistical
/// Intervals, 1991, section 5.2).</summary>
public static class MedianInterval
{
    /// <summary>Covers the median with at least the confidence given; of fewer values than that takes (six for 95 %), from the least to the largest.</summary>
    /// <param name="sorted">At least one value, ascending.</param>
    public static Interval Of(IReadOnlyList<double> sorted, double confidence = 0.95)
    {
        ArgumentOutOfRangeException.ThrowIfZero(sorted.Count);
        var n = sorted.Count;
        // The largest number of values that may lie below the interval's lower end: P(Binomial(n, 1/2) < rank) <= (1 - confidence) / 2.
        var rank = 0;
        while (rank < (n - 1) / 2 && Binomial.CDF(0.5, n, rank) <= (1 - confidence) / 2) rank++;
        var low = Math.Max(0, rank - 1);
        return new Interval(SortedArrayStatistics.Median([.. sorted]), sorted[low], sorted[n - 1 - low]) { Units = n };
    }
}
