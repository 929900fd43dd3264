using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// The mean score over probes with its interval. Users are the sample: probes of one user are no independent evidence, and few
/// users give wide intervals, whatever the number of probes. Each kind of score has one method:
/// <list type="bullet">
/// <item>right or wrong: the posterior of a hierarchical beta-binomial (<see cref="BetaBinomialPosterior"/>);</item>
/// <item>bounded (style, F1, differences): the smoothed Bayesian bootstrap over users (<see cref="BayesianBootstrap"/>);</item>
/// <item>unbounded (bits per byte): Student's t over users, of a ratio of sums (Cochran, Sampling Techniques, 1977, section 6.5).</item>
/// </list>
/// The interval is central; seeds add their variance (<see cref="SeedVariance"/>). Coverage was simulated: <c>results/statistics</c>.
/// </summary>
public static class MeanInterval
{
    public static Interval Of(IReadOnlyList<ScoredProbe> probes, ScoreKind kind, BootstrapOptions? options = null)
    {
        options ??= new BootstrapOptions();
        var table = new UserTable(probes);
        var estimate = table.Means()[0];
        (double Low, double High)? range = kind switch { ScoreKind.Unbounded => null, ScoreKind.Difference => (-1, 1), _ => (0, 1) };
        var overUsers = kind switch
        {
            ScoreKind.ZeroOne => BetaBinomial(table, estimate, options.Confidence),
            ScoreKind.Unbounded => Student(table, estimate, options.Confidence),
            _ => BayesianBootstrap.Between(table, range!.Value, estimate, means => means[0], options),
        };
        return SeedVariance.Add(overUsers, SeedVariance.Of(table), table.Seeds, range, options.Confidence);
    }

    /// <summary>Standard error of a mean over users by how their sums differ from it.</summary>
    internal static double StandardErrorOverUsers(UserTable table)
    {
        if (table.Users < 2) return 0;
        var (mean, squares, count) = (table.Means()[0], 0.0, 0.0);
        for (var user = 0; user < table.Users; user++)
        {
            var (sum, probes) = table.User(user);
            squares += (sum - (mean * probes)) * (sum - (mean * probes));
            count += probes;
        }
        return Math.Sqrt(squares * table.Users / (table.Users - 1)) / count;
    }

    private static Interval BetaBinomial(UserTable table, double estimate, double confidence)
    {
        var posterior = BetaBinomialPosterior.Of([.. Enumerable.Range(0, table.Users).Select(u => table.User(u))]);
        var tail = (1 - confidence) / 2;
        return new Interval(estimate, Math.Min(estimate, posterior.Quantile(tail)), Math.Max(estimate, posterior.Quantile(1 - tail)))
        {
            StandardError = posterior.StandardDeviation,
            Units = table.Users,
            Seeds = table.Seeds,
        };
    }

    private static Interval Student(UserTable table, double estimate, double confidence)
    {
        var error = StandardErrorOverUsers(table);
        var half = table.Users < 2 ? 0 : StudentT.InvCDF(0, 1, table.Users - 1, 1 - ((1 - confidence) / 2)) * error;
        return new Interval(estimate, estimate - half, estimate + half) { StandardError = error, Units = table.Users, Seeds = table.Seeds };
    }
}
