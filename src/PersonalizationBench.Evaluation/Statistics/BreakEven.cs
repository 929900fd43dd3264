using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>What a strategy costs one user: once, and for every query. Any unit (seconds, FLOPs), the same for both.</summary>
public readonly record struct UserCost(double Adapt, double PerQuery);

/// <summary>After how many queries the strategy that costs more to adapt has paid for itself by costing less per query.</summary>
public static class BreakEven
{
    /// <summary>(adapt - adapt') / (perQuery' - perQuery): from so many queries on, <paramref name="invested"/> is the cheaper
    /// one. 0 where it is from the start; positive infinity where its queries cost as much or more, so that it never stays so.</summary>
    public static double Queries(UserCost invested, UserCost alternative)
    {
        var investment = invested.Adapt - alternative.Adapt;
        var saving = alternative.PerQuery - invested.PerQuery;
        if (investment <= 0) return saving >= 0 ? 0 : double.PositiveInfinity;
        return saving <= 0 ? double.PositiveInfinity : investment / saving;
    }

    /// <summary>The same with an interval from repeated runs (seeds) of both, resampled independently; the means are what is
    /// compared. Null where one run of each is all there is: then there is no telling.</summary>
    public static Interval? WithInterval(IReadOnlyList<UserCost> invested, IReadOnlyList<UserCost> alternative, BootstrapOptions? options = null)
    {
        if (invested.Count < 2 && alternative.Count < 2) return null;
        options ??= new BootstrapOptions();
        var random = DeterministicRandom.For(options.Seed, "break-even");
        var resampled = Enumerable.Range(0, options.Resamples).Select(_ => Queries(Resample(invested, random), Resample(alternative, random))).Order().ToList();
        var tail = (1 - options.Confidence) / 2;
        return new Interval(Queries(Mean(invested), Mean(alternative)), Samples.OfSorted(resampled, tail), Samples.OfSorted(resampled, 1 - tail));
    }

    public static UserCost Mean(IEnumerable<UserCost> costs) => new(costs.Average(c => c.Adapt), costs.Average(c => c.PerQuery));

    private static UserCost Resample(IReadOnlyList<UserCost> costs, DeterministicRandom random) => Mean(costs.Select(_ => random.Pick(costs)).ToList());
}
