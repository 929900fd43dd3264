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

    private static Evaluation.Statistics.Interval Share(IReadOnlyList<ScoredProbe> probes) => MeanInterval.Of(probes, ScoreKind.ZeroOne);

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

    /// <summary>12 users with 9 probes each, by a sum over 1,500 x 600 points of the same model, written apart from this one: 94.26 to 99.999
    /// (and 100, the estimate, is within), 90.53 to 99.84.</summary>
    [Theory]
    [InlineData(0, 94.26, 100)]
    [InlineData(1, 90.53, 99.84)]
    public void Twelve_users_with_nine_probes_all_right_or_but_one_have_the_known_interval(int errors, double low, double high)
    {
        var interval = Share(Scores(12, 9, (u, p) => u == 0 && p < errors ? 0 : 1));
        Assert.Equal(low, 100 * interval.Low, 0.05);
        Assert.Equal(high, 100 * interval.High, 0.05);
        Assert.Equal((12, 1), (interval.Units, interval.Seeds));
    }

    /// <summary>With one probe a user there is no correlation to speak of, and the posterior is that of Jeffreys' prior: Beta(15.5, 5.5) has its
    /// 2.5 % at 0.5341 and its 97.5 % at 0.8984 (scipy 1.17.1's beta.ppf).</summary>
    [Fact]
    public void With_one_probe_a_user_the_interval_is_Jeffreys()
    {
        var interval = Share(Scores(20, 1, (u, _) => u < 15 ? 1 : 0));
        Assert.Equal(MathNet.Numerics.Distributions.Beta.InvCDF(15.5, 5.5, 0.025), interval.Low, 3);
        Assert.Equal(MathNet.Numerics.Distributions.Beta.InvCDF(15.5, 5.5, 0.975), interval.High, 3);
    }

    [Fact]
    public void The_posterior_is_that_of_a_sum_over_a_much_finer_grid()
    {
        (double Right, double Probes)[] users = [(3, 9), (7, 9), (9, 9), (0, 4), (5, 12), (8, 9)];
        var (step, sum, below) = (2000, 0.0, new List<(double Share, double Weight)>());
        for (var i = 0; i < step; i++)
        {
            var share = Math.Pow(Math.Sin((i + 0.5) / step * Math.PI / 2), 2);
            var weight = 0.0;
            for (var j = 0; j < 200; j++)
            {
                var size = (1 / (1 - Math.Cbrt(1 - ((j + 0.5) / 200)))) - 1;
                weight += Math.Exp(users.Sum(u => LogRising(share * size, u.Right) + LogRising((1 - share) * size, u.Probes - u.Right) - LogRising(size, u.Probes)));
            }
            below.Add((share, sum += weight));
        }
        var posterior = BetaBinomialPosterior.Of(users);
        foreach (var p in new[] { 0.025, 0.5, 0.975 }) Assert.Equal(below.First(b => b.Weight >= p * sum).Share, posterior.Quantile(p), 2e-3);

        static double LogRising(double a, double n) => MathNet.Numerics.SpecialFunctions.GammaLn(a + n) - MathNet.Numerics.SpecialFunctions.GammaLn(a);
    }

    [Fact]
    public void Many_users_give_a_narrow_interval_that_the_grid_still_resolves()
    {
        var interval = Share(Scores(2000, 50, (u, p) => (u + p) % 2));
        Assert.Equal(0.5, interval.Estimate, 12);
        Assert.InRange(interval.High - interval.Low, 0.005, 0.0085); // 2 x 1.96 x sqrt(0.25 / 100,000) = 0.0062
    }

    /// <summary>Means and Student's t over users: t(0.975, 9) = 2.2622 (any table).</summary>
    [Fact]
    public void Unbounded_scores_have_Students_interval_over_users()
    {
        double[] values = [3, 5, 5, 6, 7, 7, 8, 9, 9, 11];
        var interval = MeanInterval.Of(Scores(10, 4, (u, p) => values[u] + (p % 2)), ScoreKind.Unbounded);
        var s = Math.Sqrt(values.Sum(v => (v - 7) * (v - 7)) / 9);
        Assert.Equal(7.5 - (2.2622 * s / Math.Sqrt(10)), interval.Low, 3);
        Assert.Equal(7.5 + (2.2622 * s / Math.Sqrt(10)), interval.High, 3);
    }

    /// <summary>Rubin (1981): the weights' variance makes the posterior's that of the sample over n + 1; the pseudo-user is one more.</summary>
    [Fact]
    public void The_smoothed_bootstraps_deviation_is_that_of_its_weights()
    {
        double[] means = [0.1, 0.4, 0.5, 0.8, 0.9, 0.3];
        var interval = MeanInterval.Of(Scores(6, 5, (u, _) => means[u]), ScoreKind.Share, new BootstrapOptions { Resamples = 40_000 });
        // Dirichlet weights of total 7: mean m of the values by weight, variance sum w (x - m)^2 / 7 / 8.
        double[] values = [.. means, 0, 1], weights = [1, 1, 1, 1, 1, 1, 0.5, 0.5];
        var m = values.Zip(weights, (v, w) => v * w).Sum() / 7;
        Assert.Equal(Math.Sqrt(values.Zip(weights, (v, w) => w * (v - m) * (v - m)).Sum() / 7 / 8), interval.StandardError, 0.002);
    }

    [Theory]
    [InlineData(ScoreKind.ZeroOne)]
    [InlineData(ScoreKind.Share)]
    [InlineData(ScoreKind.Difference)]
    public void Where_all_users_agree_their_number_bounds_what_is_known(ScoreKind kind)
    {
        var few = MeanInterval.Of(Scores(6, 50, (_, _) => 1, 1, 2), kind);
        var many = MeanInterval.Of(Scores(60, 50, (_, _) => 1, 1, 2), kind);
        Assert.Equal((1.0, 1.0), (few.High, many.High));
        Assert.InRange(few.Low, -0.1, 0.96);
        Assert.InRange(many.Low, few.Low + 0.01, 0.999);
    }

    [Fact]
    public void Users_that_differ_widen_the_interval_however_many_probes_each_has()
    {
        // Half of the users know everything, half nothing: 20 users of evidence, not 2,000 probes.
        Assert.All([ScoreKind.ZeroOne, ScoreKind.Share], kind =>
            Assert.InRange(MeanInterval.Of(Scores(20, 100, (u, _) => u % 2), kind).StandardError, 0.09, 0.118)); // sqrt(0.25 / 20) = 0.112
    }

    [Theory]
    [InlineData(ScoreKind.ZeroOne)]
    [InlineData(ScoreKind.Share)]
    [InlineData(ScoreKind.Unbounded)]
    public void Seeds_that_differ_widen_the_interval_however_many_users_there_are(ScoreKind kind)
    {
        var probes = Scores(200, 2, (_, _) => 0, 1, 2, 3, 4, 5).Select(p => p with { Score = p.Seed <= 2 ? 1 : 0 }).ToList();
        var interval = MeanInterval.Of(probes, kind);
        Assert.Equal(0.4, interval.Estimate, 12);
        Assert.InRange(interval.StandardError, 0.24, 0.26); // s / sqrt(5) = 0.2449
        Assert.InRange(interval.High - interval.Estimate, kind == ScoreKind.Unbounded ? 0.67 : 0.6, 0.69); // t(0.975, 4) = 2.776 of them, or the end of the range
    }

    [Fact]
    public void Seeds_that_say_the_same_add_nothing_and_repeat_no_evidence()
    {
        var one = Share(Scores(12, 9, (u, p) => (u + p) % 3 == 0 ? 0 : 1));
        var five = Share(Scores(12, 9, (u, p) => (u + p) % 3 == 0 ? 0 : 1, 1, 2, 3, 4, 5));
        Assert.Equal((one.Low, one.High, 5), (five.Low, five.High, five.Seeds));
    }

    [Fact]
    public void A_seed_in_five_wrong_is_a_fifth_of_a_mistake()
    {
        var low = Enumerable.Range(0, 6).Select(wrong => Share([.. Scores(12, 9, (_, _) => 1, 1, 2, 3, 4, 5).Select(p => p is { User: "u0", Probe: "p0" } && p.Seed <= wrong ? p with { Score = 0 } : p)]).Low).ToList();
        Assert.Equal(low.OrderDescending(), low);
        Assert.Equal(0.905, low[5], 3);
        Assert.InRange(low[1], 0.925, 0.942);
    }

    [Fact]
    public void A_single_user_has_a_wide_interval_or_none()
    {
        Assert.InRange(Share(Scores(1, 50, (_, p) => p % 2)).High - Share(Scores(1, 50, (_, p) => p % 2)).Low, 0.3, 1);
        var unbounded = MeanInterval.Of(Scores(1, 50, (_, p) => p), ScoreKind.Unbounded);
        Assert.Equal((unbounded.Estimate, unbounded.Estimate, 1), (unbounded.Low, unbounded.High, unbounded.Units));
    }

    [Fact]
    public void The_same_scores_in_any_order_give_the_same_interval() =>
        Prop.ForAll(Gen.Choose(0, 1).ArrayOf(40).ToArbitrary(), Gen.Elements(ScoreKind.ZeroOne, ScoreKind.Share, ScoreKind.Unbounded).ToArbitrary(), (scores, kind) =>
        {
            var probes = Scores(8, 5, (u, p) => scores[(u * 5) + p]);
            var options = new BootstrapOptions { Resamples = 50 };
            var (a, b) = (MeanInterval.Of(probes, kind, options), MeanInterval.Of(Enumerable.Reverse(probes).ToList(), kind, options));
            return a == b && a.Low <= a.Estimate && a.Estimate <= a.High && (kind == ScoreKind.Unbounded || (a.Low >= 0 && a.High <= 1));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Right_and_wrong_are_mirror_images() =>
        Prop.ForAll(Gen.Choose(0, 1).ArrayOf(40).ToArbitrary(), scores =>
        {
            var (right, wrong) = (Share(Scores(8, 5, (u, p) => scores[(u * 5) + p])), Share(Scores(8, 5, (u, p) => 1 - scores[(u * 5) + p])));
            return Math.Abs(right.Low - (1 - wrong.High)) < 1e-9 && Math.Abs(right.High - (1 - wrong.Low)) < 1e-9;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Nothing_has_no_interval() => Assert.Throws<ArgumentException>(() => Share([]));
}
