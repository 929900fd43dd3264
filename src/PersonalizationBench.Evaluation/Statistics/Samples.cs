namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>Order statistics of what was measured.</summary>
public static class Samples
{
    public static double Median(this IEnumerable<double> values) => values.Quantile(0.5);

    /// <summary>Values that are not numbers were not measured; NaN where none was.</summary>
    public static double Quantile(this IEnumerable<double> values, double probability)
    {
        var sorted = values.Where(v => !double.IsNaN(v)).Order().ToList();
        return sorted.Count == 0 ? double.NaN : OfSorted(sorted, probability);
    }

    /// <summary>Linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).</summary>
    public static double OfSorted(IReadOnlyList<double> sorted, double probability)
    {
        var position = probability * (sorted.Count - 1);
        var below = (int)Math.Floor(position);
        var above = Math.Min(below + 1, sorted.Count - 1);
        // Break-even counts may be infinite, and infinity minus itself is NaN.
        return position == below || sorted[below] == sorted[above] ? sorted[below] : sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }
}
