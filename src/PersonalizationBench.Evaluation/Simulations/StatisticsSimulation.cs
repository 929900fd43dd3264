using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Simulations;

/// <summary>
/// Whether the intervals and tests of this program do what they say, by studies whose truth is known. Every cell has its own seeded stream,
/// so that it comes out the same whichever others are run.
/// </summary>
public static class StatisticsSimulation
{
    /// <summary>As in quickstart: what is asked most is asked nine times of each user.</summary>
    public const int Probes = 9;

    public static readonly IReadOnlyList<int> Users = [6, 12, 30, 60, 100];
    public static readonly IReadOnlyList<double> Rates = [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98];
    public static readonly IReadOnlyList<double> Correlations = [0, 0.1, 0.3, 0.5];

    /// <summary>Style scores are shares of so many features.</summary>
    private const int Features = 4;

    /// <summary>The true difference of the arms that are told apart; both lie below this rate.</summary>
    private const double TrueDifference = 0.2;

    private const double BaseRate = 0.7, UsualCorrelation = 0.1;

    private static readonly BootstrapOptions s_draws = new() { Resamples = 1000 };

    /// <summary>Every kind of score in every cell of its grid.</summary>
    public static IEnumerable<CoverageRecord> Coverage(int studies, CancellationToken cancellation, IReadOnlyList<int>? users = null) =>
        from n in users ?? Users
        from cell in Cells()
        select Cover(cell.Kind, n, cell.Rate, cell.Correlation, studies, cancellation);

    private static IEnumerable<(ScoreKind Kind, double Rate, double Correlation)> Cells()
    {
        foreach (var rate in Rates)
        {
            foreach (var correlation in Correlations) yield return (ScoreKind.ZeroOne, rate, correlation);
        }
        foreach (var rate in new[] { 0.1, 0.5, 0.9 })
        {
            foreach (var correlation in new[] { 0.1, 0.5 }) yield return (ScoreKind.Share, rate, correlation);
        }
        foreach (var rate in new[] { 0.3, 0.9 })
        {
            foreach (var correlation in new[] { 0, 0.3 }) yield return (ScoreKind.Difference, rate, correlation);
        }
        foreach (var correlation in new[] { 0, 0.5 }) yield return (ScoreKind.Unbounded, 0, correlation);
    }

    private static CoverageRecord Cover(ScoreKind kind, int users, double rate, double correlation, int studies, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(1, "coverage", FormattableString.Invariant($"{kind} {users} {rate} {correlation}"));
        var study = new SimulatedStudy(users, Probes);
        var truth = kind == ScoreKind.Difference ? -TrueDifference : rate;
        var (covered, width) = (0, 0.0);
        for (var i = 0; i < studies; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var interval = MeanInterval.Of(Draw(study, kind, rate, correlation, random), kind, s_draws with { Seed = i });
            if (interval.Contains(truth)) covered++;
            width += interval.High - interval.Low;
        }
        return new CoverageRecord
        {
            Scores = kind switch { ScoreKind.ZeroOne => "zero-one", ScoreKind.Share => "share", ScoreKind.Difference => "difference", _ => "unbounded" },
            Users = users,
            ProbesPerUser = Probes,
            Rate = truth,
            Correlation = correlation,
            Studies = studies,
            Coverage = covered / (double)studies,
            Width = Math.Round(width / studies, 4),
        };
    }

    private static IReadOnlyList<ScoredProbe> Draw(SimulatedStudy study, ScoreKind kind, double rate, double correlation, DeterministicRandom random) => kind switch
    {
        ScoreKind.ZeroOne => study.Answers(rate, correlation, random),
        // A probe's features are alike as a user's probes are.
        ScoreKind.Share => [.. (study with { Probes = Features }).Answers(rate, correlation, random).GroupBy(a => a.User).Select(g => new ScoredProbe(g.Key, "p", 0, g.Average(a => a.Score)))],
        ScoreKind.Difference when study.Arms(rate, correlation, [rate - TrueDifference, rate], random) is var arms => new PairedDifferences(arms[0], arms[1]).Scores,
        _ => study.Normal(Math.Sqrt(correlation / (1 - correlation)), random),
    };

    /// <summary>Families without any difference: how often one is found. Arms against a baseline, all pairs, and declared contrasts.</summary>
    public static IEnumerable<ErrorRecord> Errors(int studies, CancellationToken cancellation, IReadOnlyList<int>? users = null) =>
        from n in users ?? Users
        from family in new[] { ("max-t", 11), ("max-t", 66), ("holm", 4) }
        from correlation in new[] { 0, 0.3 }
        select Err(family.Item1, family.Item2, n, correlation, studies, cancellation);

    private static ErrorRecord Err(string method, int comparisons, int users, double correlation, int studies, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(1, "errors", FormattableString.Invariant($"{method} {users} {comparisons} {correlation}"));
        var found = 0;
        for (var i = 0; i < studies; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var p = PValues(method, Family(users, comparisons, BaseRate, 0, correlation, random));
            if (p.Min() < PairedComparison.Significance) found++;
        }
        return new ErrorRecord
        {
            Method = method,
            Users = users,
            ProbesPerUser = Probes,
            Comparisons = comparisons,
            Correlation = correlation,
            Studies = studies,
            FamilyWiseError = found / (double)studies,
        };
    }

    /// <summary>One arm is worse by a known difference: how often that is found, alone and among others.</summary>
    public static IEnumerable<PowerRecord> Power(int studies, CancellationToken cancellation, IReadOnlyList<int>? users = null, IReadOnlyList<double>? differences = null) =>
        from n in users ?? Users
        from family in new[] { ("declared", 1), ("max-t", 11) }
        from difference in differences ?? [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
        select Find(family.Item1, family.Item2, n, difference, studies, cancellation);

    private static PowerRecord Find(string method, int comparisons, int users, double difference, int studies, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(1, "power", FormattableString.Invariant($"{method} {users} {comparisons} {difference}"));
        var (found, stated) = (0, new List<double>());
        for (var i = 0; i < studies; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var family = Family(users, comparisons, BaseRate, difference, UsualCorrelation, random);
            var compared = method == "declared"
                ? PairedComparison.Declared([.. family.Select(d => (d, ScoreKind.ZeroOne, (double?)null))], new BootstrapOptions { Resamples = 2 })
                : PairedComparison.Family(family, ScoreKind.ZeroOne, new BootstrapOptions { Resamples = 2 });
            if (compared[0].PValue < PairedComparison.Significance) found++;
            stated.Add(compared[0].SmallestDetectable);
        }
        return new PowerRecord
        {
            Method = method,
            Users = users,
            ProbesPerUser = Probes,
            Comparisons = comparisons,
            Rate = BaseRate,
            Difference = difference,
            Studies = studies,
            Power = found / (double)studies,
            StatedSmallestDetectable = stated.Any(double.IsInfinity) ? null : Math.Round(stated.Average(), 4),
        };
    }

    /// <summary>Comparisons of arms with the first one, or for 66 of all pairs of 12 arms; only the second arm differs.</summary>
    private static List<PairedDifferences> Family(int users, int comparisons, double rate, double difference, double correlation, DeterministicRandom random)
    {
        var isPairs = comparisons == 66;
        var arms = new SimulatedStudy(users, Probes).Arms(rate, correlation, [.. Enumerable.Range(0, isPairs ? 12 : comparisons + 1).Select(a => a == 1 ? rate - difference : rate)], random);
        return isPairs
            ? [.. from i in Enumerable.Range(0, 12) from j in Enumerable.Range(0, i) select new PairedDifferences(arms[i], arms[j])]
            : [.. arms.Skip(1).Select(a => new PairedDifferences(a, arms[0]))];
    }

    private static IReadOnlyList<double> PValues(string method, IReadOnlyList<PairedDifferences> family) => method == "max-t"
        ? PairedComparison.PValues(family)
        : Holm.Adjust([.. family.Select(d => PairedComparison.PValues([d])[0])]);
}
