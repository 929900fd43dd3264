namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// How many bits of a user's facts a memory demonstrably holds, after "Physics of Language Models: Part 3.3" (arXiv
/// 2404.05405), which counts knowledge in bits and finds at most 2 per parameter of a whole model.
/// </summary>
public static class StoredBits
{
    /// <summary>
    /// A lower bound on the mutual information, in bits, between a fact and what is recalled of it, by Fano's inequality:
    /// log2 N - H(a) - (1 - a) log2(N - 1) for facts drawn uniformly from a pool of <paramref name="poolSize"/> = N and
    /// recalled right with frequency <paramref name="accuracy"/> = a. At chance or below: 0. (Being wrong more often than
    /// chance is information too, but none that answers a question.)
    /// </summary>
    public static double PerFact(double accuracy, int poolSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(accuracy);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(accuracy, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(poolSize);
        if (poolSize == 1 || accuracy <= 1.0 / poolSize) return 0;
        return Math.Max(0, Math.Log2(poolSize) - Entropy(accuracy) - ((1 - accuracy) * Math.Log2(poolSize - 1)));
    }

    /// <summary>
    /// Bits per parameter of a user's adapter, with an interval over users: per pool size, the facts a user has on average
    /// times the bits per fact at the mean accuracy (which bounds the sum over facts from below, because entropy is
    /// concave), over <paramref name="parameters"/>.
    /// </summary>
    /// <param name="probes">Recall scores, 0 or 1, one probe per fact.</param>
    /// <param name="poolOf">The size of the pool that a probe's fact was drawn from.</param>
    /// <param name="parameters">Trained parameters per user.</param>
    public static Interval PerParameter(IReadOnlyList<ScoredProbe> probes, Func<ScoredProbe, int> poolOf, long parameters, BootstrapOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parameters);
        var pools = probes.Select(poolOf).Distinct().Order().ToArray();
        var users = probes.Select(p => p.User).Distinct().Count();
        var factsPerUser = pools.Select(pool => probes.Where(p => poolOf(p) == pool).Select(p => (p.User, p.Probe)).Distinct().Count() / (double)users).ToArray();
        return BayesianBootstrap.Statistic(probes, pools.Length, p => Array.IndexOf(pools, poolOf(p)), Bits, options);

        double Bits(double[] accuracies)
        {
            var bits = 0.0;
            for (var g = 0; g < pools.Length; g++) bits += factsPerUser[g] * PerFact(Math.Clamp(accuracies[g], 0, 1), pools[g]);
            return bits / parameters;
        }
    }

    private static double Entropy(double p) => p is 0 or 1 ? 0 : -(p * Math.Log2(p)) - ((1 - p) * Math.Log2(1 - p));
}
