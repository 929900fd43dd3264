namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// Scores summed per user, seed and group of probes. A probe counts once however many seeds answered it (each of S seeds
/// counts 1 / S): seeds repeat the same probes and are no further evidence about users.
/// </summary>
internal sealed class UserTable
{
    private readonly double[] _sums;    // [user, seed, group], seeds not yet averaged
    private readonly double[] _counts;

    public UserTable(IReadOnlyList<ScoredProbe> probes, int groups = 1, Func<ScoredProbe, int>? groupOf = null)
    {
        if (probes.Count == 0) throw new ArgumentException("no scores: there is nothing to estimate");
        Groups = groups;
        var users = Positions(probes.Select(p => p.User).Distinct().Order(StringComparer.Ordinal));
        var seeds = Positions(probes.Select(p => p.Seed).Distinct().Order());
        (Users, Seeds) = (users.Count, seeds.Count);
        _sums = new double[Users * Seeds * groups];
        _counts = new double[_sums.Length];
        foreach (var probe in probes)
        {
            var cell = Cell(users[probe.User], seeds[probe.Seed], groupOf?.Invoke(probe) ?? 0);
            _sums[cell] += probe.Score;
            _counts[cell]++;
        }
    }

    public int Users { get; }

    public int Seeds { get; }

    public int Groups { get; }

    /// <summary>A user's probes of a group, and the sum of their scores, both averaged over seeds.</summary>
    public (double Sum, double Count) User(int user, int group = 0)
    {
        var (sum, count) = (0.0, 0.0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            sum += _sums[Cell(user, seed, group)];
            count += _counts[Cell(user, seed, group)];
        }
        return (sum / Seeds, count / Seeds);
    }

    /// <summary>The mean score of each group over all users, and over all seeds or <paramref name="seed"/> alone; NaN for a group without any.</summary>
    public double[] Means(int? seed = null)
    {
        var means = new double[Groups];
        for (var group = 0; group < Groups; group++)
        {
            var (sum, count) = (0.0, 0.0);
            for (var user = 0; user < Users; user++)
            {
                for (var s = seed ?? 0; s < (seed + 1 ?? Seeds); s++)
                {
                    sum += _sums[Cell(user, s, group)];
                    count += _counts[Cell(user, s, group)];
                }
            }
            means[group] = sum / count;
        }
        return means;
    }

    /// <summary>A user's mean score in each seed, for the first group; null unless every user has scores in every seed.</summary>
    public double[,]? MeansOfUsersAndSeeds()
    {
        var means = new double[Users, Seeds];
        for (var user = 0; user < Users; user++)
        {
            for (var seed = 0; seed < Seeds; seed++)
            {
                var cell = Cell(user, seed, 0);
                if (_counts[cell] == 0) return null;
                means[user, seed] = _sums[cell] / _counts[cell];
            }
        }
        return means;
    }

    private int Cell(int user, int seed, int group) => (((user * Seeds) + seed) * Groups) + group;

    private static Dictionary<T, int> Positions<T>(IEnumerable<T> items) where T : notnull => items.Select((item, i) => (item, i)).ToDictionary(p => p.item, p => p.i);
}
