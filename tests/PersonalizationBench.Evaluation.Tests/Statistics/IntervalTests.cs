using FsCheck;
using FsCheck.Fluent;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

public sealed class IntervalTests
{
    internal static List<ScoredProbe> Scores(int users, int probes, Func<int, int, double> score, params long[] seeds) =>
        (from s in seeds.Length == 0 ? [0L] : seeds
         from u in Enumerable.Range(0, users)
         from p in Enumerable.Range(0, probes)
         select new ScoredProbe($"u{u}", $"p{p}", s, score(u, p))).ToList();

    /// <summary>Newcombe, Statistics in Medicine 17 (1998), table I, method 5 (Clopper-Pearson).</summary>
    [Theory]
    [InlineData(81, 263, 0.2527, 0.3676)]
    [InlineData(15, 148, 0.0578, 0.1617)]
    [InlineData(0, 20, 0.0000, 0.1684)]
    [InlineData(1, 29, 0.0009, 0.1776)]
    public void Clopper_Pearson_gives_the_published_limits(int successes, int trials, double low, double high)
    {
        var interval = ClopperPearson.Of(successes, trials);
        Assert.Equal((low, high), (Math.Round(interval.Low, 4), Math.Round(interval.High, 4)));
    }

    /// <summary>Efron and Tibshirani, An Introduction to the Bootstrap (1993), tables 2.1 and 2.2: survival of mice, and the
    /// bootstrap standard error of the mean with infinitely many resamples. One probe a user.</summary>
    [Theory]
    [InlineData(new double[] { 94, 197, 16, 38, 99, 141, 23 }, 86.86, 23.36)]
    [InlineData(new double[] { 52, 104, 146, 10, 51, 30, 40, 27, 46 }, 56.22, 13.33)]
    public void The_bootstraps_standard_error_is_the_textbooks(double[] days, double mean, double error)
    {
        var interval = ClusteredBootstrap.Mean(Scores(days.Length, 1, (u, _) => days[u]));
        Assert.Equal(mean, interval.Estimate, 2);
        Assert.InRange(interval.StandardError, error * 0.98, error * 1.02);
    }

    /// <summary>The interval that the expanded percentiles stand in for: mean -+ t s / sqrt(n) with t(0.975, 9) = 2.2622
    /// (any table of Student's t).</summary>
    [Fact]
    public void For_few_users_the_interval_is_as_wide_as_Students()
    {
        double[] values = [3, 5, 5, 6, 7, 7, 8, 9, 9, 11];
        var interval = ClusteredBootstrap.Mean(Scores(10, 1, (u, _) => values[u]), new BootstrapOptions { Resamples = 40_000 });
        var s = Math.Sqrt(values.Sum(v => (v - 7) * (v - 7)) / 9);
        Assert.InRange((interval.High - interval.Low) / (2 * 2.2622 * s / Math.Sqrt(10)), 0.96, 1.04);
    }

    [Fact]
    public void Users_that_differ_widen_the_interval_however_many_probes_each_has()
    {
        // Half of the users know everything, half nothing: 20 users of evidence, not 2,000 probes.
        var interval = ClusteredBootstrap.Mean(Scores(20, 100, (u, _) => u % 2), BootstrapOptions.Share);
        Assert.InRange(interval.StandardError, 0.105, 0.118); // sqrt(0.25 / 20) = 0.112
        Assert.Equal((ResamplingUnit.User, 20, 1), (interval.Unit, interval.Units, interval.Seeds));
    }

    [Fact]
    public void Seeds_that_differ_widen_the_interval_however_many_users_there_are()
    {
        var probes = Scores(200, 2, (_, _) => 0, 1, 2, 3, 4, 5).Select(p => p with { Score = p.Seed <= 2 ? 1 : 0 }).ToList();
        var interval = ClusteredBootstrap.Mean(probes, BootstrapOptions.Share);
        Assert.Equal(0.4, interval.Estimate, 12);
        Assert.InRange(interval.StandardError, 0.20, 0.24); // sqrt(0.4 * 0.6 / 5) = 0.219
    }

    [Theory]
    [InlineData(0, 0, 0.1089)] // 1 - 0.025^(1/32), Clopper-Pearson's upper limit of 0 out of 32
    [InlineData(1, 0.8911, 1)]
    public void Where_all_users_agree_the_number_of_users_still_bounds_what_is_known(double score, double low, double high)
    {
        var interval = ClusteredBootstrap.Mean(Scores(32, 50, (_, _) => score, 1, 2), BootstrapOptions.Share);
        Assert.Equal((low, high), (Math.Round(interval.Low, 4), Math.Round(interval.High, 4)));
    }

    [Fact]
    public void Fewer_users_than_six_are_not_resampled_but_their_probes_are()
    {
        // Two users whose levels differ: that difference is no part of an interval about these two.
        var interval = ClusteredBootstrap.Mean(Scores(2, 50, (u, p) => (10 * u) + (p % 2)));
        Assert.Equal((ResamplingUnit.Probe, 100), (interval.Unit, interval.Units));
        Assert.InRange(interval.StandardError, 0.045, 0.055); // 0.5 / sqrt(100)
    }

    [Fact]
    public void The_interval_of_clustered_scores_covers_the_truth_nineteen_times_in_twenty()
    {
        var random = new DeterministicRandom(11);
        const int trials = 400;
        int covered = 0, coveredIgnoringUsers = 0;
        for (var trial = 0; trial < trials; trial++)
        {
            // A user's accuracy is uniform, so the true mean is 0.5; 12 users with 20 probes each.
            var accuracies = Enumerable.Range(0, 12).Select(_ => random.NextDouble()).ToArray();
            var probes = Scores(12, 20, (u, _) => random.Chance(accuracies[u]) ? 1 : 0);
            if (ClusteredBootstrap.Mean(probes, BootstrapOptions.Share with { Resamples = 1000, Seed = trial }).Contains(0.5)) covered++;
            if (ClopperPearson.Of((int)probes.Sum(p => p.Score), probes.Count).Contains(0.5)) coveredIgnoringUsers++;
        }
        Assert.InRange(covered / (double)trials, 0.925, 0.98);
        Assert.InRange(coveredIgnoringUsers / (double)trials, 0, 0.8);
    }

    [Fact]
    public void The_same_scores_in_any_order_give_the_same_interval() =>
        Prop.ForAll(Gen.Choose(0, 4).ArrayOf(40).ToArbitrary(), scores =>
        {
            var probes = Scores(8, 5, (u, p) => scores[(u * 5) + p] / 4.0);
            var options = BootstrapOptions.Share with { Resamples = 50 };
            var (a, b) = (ClusteredBootstrap.Mean(probes, options), ClusteredBootstrap.Mean(Enumerable.Reverse(probes).ToList(), options));
            return a == b && a.Low <= a.Estimate && a.Estimate <= a.High && a.Low >= 0 && a.High <= 1;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Nothing_has_no_interval() => Assert.Throws<ArgumentException>(() => ClusteredBootstrap.Mean([]));
}
