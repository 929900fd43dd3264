namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>Improvements that can be compared between bases of different strength.</summary>
public static class Gain
{
    /// <summary>(after - before) / (1 - before): the share of what was left to gain that was gained (arXiv 2606.02437 reports
    /// it for bases of several sizes). Null where nothing was left.</summary>
    public static double? OfHeadroom(double before, double after) => before >= 1 ? null : (after - before) / (1 - before);
}
