namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>Order statistics of what was measured.</summary>
public static class Samples
{
    public static double Median(this IEnumerable<double> values) => values.Quantile(0.5);

    /// <summary>Values that are not numbers were not measured; NaN where none was.</summary>
    public static double Quantile(this IEnumerable<double> values, double probability)
    {
        var sorted = values.Where(v => !double.IsNaN(v)).Order().ToList();
        return sorted.Count == 0 ? double.NaN : ClusteredBootstrap.Quantile(sorted, probability);
    }
}
