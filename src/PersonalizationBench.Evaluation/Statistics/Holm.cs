namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>Correction for many comparisons at once (Holm, Scandinavian Journal of Statistics 6, 1979).</summary>
public static class Holm
{
    /// <summary>Adjusted p-values in the given order: below 0.05, a comparison stands with a 5 % chance that any of them is wrong.</summary>
    public static double[] Adjust(IReadOnlyList<double> pValues)
    {
        var adjusted = new double[pValues.Count];
        var largest = 0.0;
        foreach (var (p, rank) in pValues.Select((p, i) => (p, i)).OrderBy(x => x.p).Select((x, rank) => (x, rank)))
        {
            largest = Math.Max(largest, Math.Min(1, p.p * (pValues.Count - rank)));
            adjusted[p.i] = largest;
        }
        return adjusted;
    }
}
