namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// Scores summed per resampling unit, seed and group, so that a resample costs units x seeds additions however many
/// probes there are. Units stand in strata: one for all users, or one per user where probes are the units.
/// </summary>
internal sealed class ResamplingTable
{
    private readonly double[] _sums;
    private readonly double[] _counts;
    private readonly int _groups;
    private readonly List<(int Start, int Count)> _strata = [];

    public ResamplingTable(IReadOnlyList<ScoredProbe> probes, int groups, Func<ScoredProbe, int> groupOf)
    {
        if (probes.Count == 0) throw new ArgumentException("no scores: there is nothing to estimate");
        _groups = groups;
        var users = probes.Select(p => p.User).Distinct().Order(StringComparer.Ordinal).ToList();
        Unit = users.Count >= ClusteredBootstrap.FewestUsers ? ResamplingUnit.User : ResamplingUnit.Probe;
        var units = new Dictionary<(string, string), int>();
        if (Unit == ResamplingUnit.User)
        {
            foreach (var user in users) units.Add((user, ""), units.Count);
            _strata.Add((0, users.Count));
        }
        else
        {
            foreach (var user in users)
            {
                var start = units.Count;
                foreach (var probe in probes.Where(p => p.User == user).Select(p => p.Probe).Distinct().Order(StringComparer.Ordinal)) units.Add((user, probe), units.Count);
                _strata.Add((start, units.Count - start));
            }
        }
        var seeds = probes.Select(p => p.Seed).Distinct().Order().Select((seed, index) => (seed, index)).ToDictionary(p => p.seed, p => p.index);
        Units = units.Count;
        Seeds = seeds.Count;
        _sums = new double[Units * Seeds * groups];
        _counts = new double[Units * Seeds * groups];
        foreach (var probe in probes)
        {
            var cell = (((units[(probe.User, Unit == ResamplingUnit.User ? "" : probe.Probe)] * Seeds) + seeds[probe.Seed]) * groups) + groupOf(probe);
            _sums[cell] += probe.Score;
            _counts[cell]++;
        }
    }

    public ResamplingUnit Unit { get; }

    public int Units { get; }

    public int Seeds { get; }

    public IReadOnlyList<(int Start, int Count)> Strata => _strata;

    /// <summary>Sum of the scores of one unit over seeds and groups.</summary>
    public double SumOf(int unit)
    {
        var sum = 0.0;
        for (var i = unit * Seeds * _groups; i < (unit + 1) * Seeds * _groups; i++) sum += _sums[i];
        return sum;
    }

    /// <summary>The mean score of each group when every unit counts as often as <paramref name="unitWeights"/> and every
    /// seed as often as <paramref name="seedWeights"/> says; false where a group ends up empty.</summary>
    public bool TryMeans(ReadOnlySpan<int> unitWeights, ReadOnlySpan<int> seedWeights, Span<double> means)
    {
        Span<double> counts = stackalloc double[_groups];
        counts.Clear();
        means.Clear();
        for (var u = 0; u < Units; u++)
        {
            if (unitWeights[u] == 0) continue;
            for (var s = 0; s < Seeds; s++)
            {
                var weight = unitWeights[u] * seedWeights[s];
                if (weight == 0) continue;
                var cell = ((u * Seeds) + s) * _groups;
                for (var g = 0; g < _groups; g++)
                {
                    means[g] += weight * _sums[cell + g];
                    counts[g] += weight * _counts[cell + g];
                }
            }
        }
        for (var g = 0; g < _groups; g++)
        {
            if (counts[g] == 0) return false;
            means[g] /= counts[g];
        }
        return true;
    }
}
