namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>Improvements that can be compared between bases of different strength.</summary>
public static class Gain
{
    /// <summary>(after - before) / (1 - before): the share of what was left to gain that was gained (arXiv 2606.02437 reports
    /// it for bases of several sizes). Null where nothing was left.</summary>
    public static double? OfHeadroom(double before, double after) => before >= 1 ? null : (after - before) / (1 - before);

    /// <summary>The same of mean scores, with its interval: users (and seeds) are resampled once for both. Null where nothing
    /// was left.</summary>
    /// <param name="before">Scores of one seed stand for each seed of <paramref name="after"/>.</param>
    public static Interval? OfHeadroom(IReadOnlyList<ScoredProbe> before, IReadOnlyList<ScoredProbe> after, BootstrapOptions? options = null)
    {
        const string Mark = "before ";
        if (before.Average(p => p.Score) >= 1) return null;
        var seeds = after.Select(p => p.Seed).Distinct().ToList();
        var repeated = before.Select(p => p.Seed).Distinct().Count() == 1 ? before.SelectMany(p => seeds.Select(s => p with { Seed = s })) : before;
        return BayesianBootstrap.Statistic(
            [.. repeated.Select(p => p with { Probe = Mark + p.Probe }), .. after], 2, p => p.Probe.StartsWith(Mark, StringComparison.Ordinal) ? 0 : 1,
            means => OfHeadroom(means[0], means[1]) ?? 0, options);
    }
}
