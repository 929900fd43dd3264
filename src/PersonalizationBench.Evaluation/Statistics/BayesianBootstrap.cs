using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// The Bayesian bootstrap over users (Rubin, Annals of Statistics 9(1), 1981), smoothed: users get random weights that are
/// Dirichlet(1, ..., 1), and one pseudo-user, whose weight is split between the least and the largest score possible
/// (Dirichlet 1/2 each), stands for what was never seen. So users who all agree still leave an interval that their number bounds.
/// </summary>
public static class BayesianBootstrap
{
    /// <summary>A function of the mean scores of several groups of probes, such as pools of different size, with its interval; each seed's
    /// own value adds its variance (<see cref="SeedVariance"/>).</summary>
    /// <param name="groups">Number of groups; each has a probe.</param>
    /// <param name="groupOf">The group, from 0, of a probe.</param>
    /// <param name="statistic">From the groups' means, in 0..1, to the number estimated.</param>
    public static Interval Statistic(IReadOnlyList<ScoredProbe> probes, int groups, Func<ScoredProbe, int> groupOf, Func<double[], double> statistic, BootstrapOptions? options = null)
    {
        options ??= new BootstrapOptions();
        var table = new UserTable(probes, groups, groupOf);
        var means = table.Means();
        if (means.Any(double.IsNaN)) throw new ArgumentException("a group has no probes");
        var seeds = Enumerable.Range(0, table.Seeds).Select(s => table.Means(s)).Where(m => !m.Any(double.IsNaN)).Select(statistic).ToList();
        return SeedVariance.Add(Between(table, (0, 1), statistic(means), statistic, options), SeedVariance.OfValues(seeds), seeds.Count, range: null, options.Confidence);
    }

    /// <summary>The draws' central interval around an estimate, seeds not yet added.</summary>
    internal static Interval Between(UserTable table, (double Low, double High) range, double estimate, Func<double[], double> statistic, BootstrapOptions options)
    {
        var draws = Draws(table, range, statistic, options);
        var tail = (1 - options.Confidence) / 2;
        var mean = draws.Average();
        return new Interval(estimate, Math.Min(estimate, Samples.OfSorted(draws, tail)), Math.Max(estimate, Samples.OfSorted(draws, 1 - tail)))
        {
            StandardError = Math.Sqrt(draws.Sum(v => (v - mean) * (v - mean)) / draws.Length),
            Units = table.Users,
            Seeds = table.Seeds,
        };
    }

    /// <summary>The statistic under random weights of the users, sorted.</summary>
    internal static double[] Draws(UserTable table, (double Low, double High) range, Func<double[], double> statistic, BootstrapOptions options)
    {
        var groups = table.Groups;
        var users = Enumerable.Range(0, table.Users).SelectMany(u => Enumerable.Range(0, groups).Select(g => table.User(u, g))).ToArray();
        // The pseudo-user has as many probes of each group as users have on average.
        var typical = Enumerable.Range(0, groups).Select(g => Enumerable.Range(0, table.Users).Average(u => users[(u * groups) + g].Count)).ToArray();
        var random = DeterministicRandom.For(options.Seed, "bayesian bootstrap");
        var (draws, sums, counts) = (new double[options.Resamples], new double[groups], new double[groups]);
        for (var draw = 0; draw < draws.Length; draw++)
        {
            Array.Clear(sums);
            Array.Clear(counts);
            for (var user = 0; user < table.Users; user++)
            {
                var weight = Exponential(random);
                for (var g = 0; g < groups; g++)
                {
                    var (sum, count) = users[(user * groups) + g];
                    sums[g] += weight * sum;
                    counts[g] += weight * count;
                }
            }
            var (low, high) = HalfGammas(random);
            for (var g = 0; g < groups; g++)
            {
                sums[g] += typical[g] * ((low * range.Low) + (high * range.High));
                counts[g] += typical[g] * (low + high);
                sums[g] /= counts[g];
            }
            draws[draw] = statistic(sums);
        }
        Array.Sort(draws);
        return draws;
    }

    private static double Exponential(DeterministicRandom random) => -Math.Log(1 - random.NextDouble());

    /// <summary>Two draws of Gamma(1/2): half the squares of two normal ones (Box and Muller, 1958).</summary>
    private static (double, double) HalfGammas(DeterministicRandom random)
    {
        var (square, angle) = (Exponential(random), 2 * Math.PI * random.NextDouble());
        return (square * Math.Cos(angle) * Math.Cos(angle), square * Math.Sin(angle) * Math.Sin(angle));
    }
}
