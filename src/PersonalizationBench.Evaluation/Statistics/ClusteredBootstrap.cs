using MathNet.Numerics.Distributions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// Confidence intervals for means over probes. Probes of one user are no independent evidence, and a seed is shared by
/// all users of a cell, which are adapted together; so users and seeds are both resampled with replacement, each user
/// with all its probes: the pigeonhole bootstrap (Owen, Annals of Applied Statistics 1(2), 2007), which errs on the
/// wide side. Its percentiles are taken a little further out, so that for few users the interval is as wide as Student's
/// t would have it: the expanded percentile interval (Hesterberg, The American Statistician 69(4), 2015, section 5.3).
/// </summary>
/// <remarks>
/// Two things a bootstrap cannot see are put right. (1) With fewer than <see cref="FewestUsers"/> users there is nothing to
/// resample them from; then probes are resampled within each user. (2) Where all units agree, as in 0 right of 32 users,
/// every resample is the same. Then up to a share <c>w</c> of all users may still be otherwise, <c>w</c> being the upper
/// Clopper-Pearson limit of 0 out of as many as there are units (users count, not probes, however many each had), and the
/// interval reaches as far as such users could move the mean within the range of scores.
/// </remarks>
public static class ClusteredBootstrap
{
    /// <summary>With fewer users, a sign-flip test over users could not reach 5 % (2 / 2^6 = 3.1 %), nor is there a
    /// distribution of users to resample.</summary>
    public const int FewestUsers = 6;

    /// <summary>The mean score with its interval.</summary>
    public static Interval Mean(IReadOnlyList<ScoredProbe> probes, BootstrapOptions? options = null) =>
        Statistic(probes, 1, _ => 0, means => means[0], options);

    /// <summary>A function of the mean scores of several groups of probes, such as pools of different size.</summary>
    /// <param name="groups">Number of groups; each has a probe.</param>
    /// <param name="groupOf">The group, from 0, of a probe.</param>
    /// <param name="statistic">From the groups' means to the number estimated.</param>
    public static Interval Statistic(IReadOnlyList<ScoredProbe> probes, int groups, Func<ScoredProbe, int> groupOf, Func<double[], double> statistic, BootstrapOptions? options = null)
    {
        options ??= new BootstrapOptions();
        var table = new ResamplingTable(probes, groups, groupOf);
        var units = new int[table.Units];
        var seeds = new int[table.Seeds];
        var means = new double[groups];
        Array.Fill(units, 1);
        Array.Fill(seeds, 1);
        if (!table.TryMeans(units, seeds, means)) throw new ArgumentException("a group has no probes");
        var estimate = statistic(means);

        var random = DeterministicRandom.For(options.Seed, "bootstrap");
        var resampled = new List<double>(options.Resamples);
        for (var r = 0; r < options.Resamples; r++)
        {
            Array.Clear(units);
            foreach (var (start, count) in table.Strata)
            {
                for (var i = 0; i < count; i++) units[start + random.Next(count)]++;
            }
            Array.Clear(seeds);
            for (var i = 0; i < seeds.Length; i++) seeds[random.Next(seeds.Length)]++;
            // A resample without any probe of a group says nothing about it.
            if (table.TryMeans(units, seeds, means)) resampled.Add(statistic(means));
        }
        resampled.Sort();
        var tail = ExpandedTail((1 - options.Confidence) / 2, Math.Max(2, table.Units - table.Strata.Count + 1));
        var (low, high) = (Quantile(resampled, tail), Quantile(resampled, 1 - tail));
        if (groups == 1 && options.Range is { } range && high - low < 1e-12) (low, high) = WhenAllAgree(estimate, range, table.Units, options.Confidence);
        return new Interval(estimate, Math.Min(low, estimate), Math.Max(high, estimate))
        {
            StandardError = StandardDeviation(resampled),
            Unit = table.Unit,
            Units = table.Units,
            Seeds = table.Seeds,
        };
    }

    /// <summary>The tail probability at which a bootstrap percentile of <paramref name="n"/> units lies where Student's t
    /// interval ends: Phi(-sqrt(n / (n - 1)) t).</summary>
    private static double ExpandedTail(double tail, int n)
    {
        var t = -StudentT.InvCDF(0, 1, n - 1, tail);
        return Normal.CDF(0, 1, -Math.Sqrt(n / (n - 1.0)) * t);
    }

    private static (double Low, double High) WhenAllAgree(double value, (double Low, double High) range, int units, double confidence)
    {
        var otherwise = ClopperPearson.Of(0, units, confidence).High;
        return (value - (otherwise * (value - range.Low)), value + (otherwise * (range.High - value)));
    }

    /// <summary>Linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).</summary>
    public static double Quantile(IReadOnlyList<double> sorted, double probability)
    {
        var position = probability * (sorted.Count - 1);
        var below = (int)Math.Floor(position);
        var above = Math.Min(below + 1, sorted.Count - 1);
        // Break-even counts may be infinite, and infinity minus itself is NaN.
        return position == below || sorted[below] == sorted[above] ? sorted[below] : sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }

    private static double StandardDeviation(List<double> values)
    {
        var mean = values.Average();
        return Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / values.Count);
    }
}
