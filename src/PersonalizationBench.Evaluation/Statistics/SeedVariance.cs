using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// What seeds add to an interval over users. A cell's users are adapted together with one seed, so what a seed does it does to
/// all of them, and users alone do not show it. Its variance is the seeds' part of a two-way analysis of variance of users and
/// seeds (<see cref="CrossedVariance"/>), as far as it exceeds what answers that vary by themselves explain. It is added to
/// both halves of the interval as squares add: the "method of variance estimates recovery" (Zou and Donner, Statistics in Medicine
/// 27, 2008), the seeds' half being Student's with S - 1 degrees of freedom. One seed shows no variance and adds none.
/// </summary>
internal static class SeedVariance
{
    public static double Of(UserTable table)
    {
        if (table.Seeds < 2) return 0;
        if (table.Users > 1 && table.MeansOfUsersAndSeeds() is { } means) return CrossedVariance.AddedByColumns(means);
        return OfValues([.. Enumerable.Range(0, table.Seeds).Select(s => table.Means(s)[0])]);
    }

    /// <summary>Variance of the mean of what seeds came to, s^2 / S: where nothing says how much of it is not the seeds'.</summary>
    public static double OfValues(IReadOnlyList<double> values)
    {
        if (values.Count < 2) return 0;
        var mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1) / values.Count;
    }

    public static Interval Add(Interval interval, double variance, int seeds, (double Low, double High)? range, double confidence)
    {
        if (variance <= 0) return interval;
        var half = StudentT.InvCDF(0, 1, seeds - 1, 1 - ((1 - confidence) / 2)) * Math.Sqrt(variance);
        return interval with
        {
            Low = Math.Max(range?.Low ?? double.NegativeInfinity, interval.Estimate - double.Hypot(interval.Estimate - interval.Low, half)),
            High = Math.Min(range?.High ?? double.PositiveInfinity, interval.Estimate + double.Hypot(interval.High - interval.Estimate, half)),
            StandardError = double.Hypot(interval.StandardError, Math.Sqrt(variance)),
        };
    }
}
