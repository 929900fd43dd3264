using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// Treatment minus baseline on the probes that both answered. Seeds are paired where both have the same; a side with
/// one seed is held against every seed of the other; otherwise seeds are averaged.
/// </summary>
public sealed class PairedDifferences
{
    private readonly UserTable? _table;

    public PairedDifferences(IReadOnlyList<ScoredProbe> treatment, IReadOnlyList<ScoredProbe> baseline)
    {
        Scores = Differences(treatment, baseline);
        if (Scores.Count == 0) return;
        _table = new UserTable(Scores);
        Users = [.. Scores.Select(d => d.User).Distinct().Order(StringComparer.Ordinal)];
        Pairs = Scores.Select(d => (d.User, d.Probe)).Distinct().Count();
        var seeds = Scores.Select(d => d.Seed).Distinct().Count();
        (Won, Lost) = (Scores.Count(d => d.Score > 0) / (double)seeds, Scores.Count(d => d.Score < 0) / (double)seeds);
        SeedPValue = StudentPValue([.. Scores.GroupBy(d => d.Seed).Select(g => g.Average(d => d.Score))]);
        StandardError = double.Hypot(MeanInterval.StandardErrorOverUsers(_table), Math.Sqrt(SeedVariance.Of(_table)));
    }

    /// <summary>The difference of each probe in each seed; none where nothing was answered by both.</summary>
    public IReadOnlyList<ScoredProbe> Scores { get; }

    /// <summary>Who has any, in ordinal order.</summary>
    public IReadOnlyList<string> Users { get; } = [];

    /// <summary>Probes that both answered.</summary>
    public int Pairs { get; }

    /// <summary>Flips: probes on which the treatment scored more, and on which it scored less, means over seeds.</summary>
    public double Won { get; }

    public double Lost { get; }

    /// <summary>Two-sided p of the seeds' mean differences (Student's t, S - 1 degrees of freedom): whether other seeds would come to the
    /// same. 0 where there is one seed: it cannot say.</summary>
    public double SeedPValue { get; }

    /// <summary>Of the mean difference, over users and seeds.</summary>
    public double StandardError { get; }

    /// <summary>The sum of a user's differences, averaged over seeds, for each of <paramref name="users"/>; 0 for one who has none.</summary>
    public IReadOnlyList<double> SumsOf(IReadOnlyList<string> users)
    {
        var positions = Users.Select((user, i) => (user, i)).ToDictionary(p => p.user, p => p.i, StringComparer.Ordinal);
        return [.. users.Select(u => positions.TryGetValue(u, out var i) ? _table!.User(i).Sum : 0)];
    }

    /// <summary>p of mean = 0: 1 where all are 0, 0 where they agree on something else.</summary>
    private static double StudentPValue(IReadOnlyList<double> values)
    {
        if (values.Count < 2) return 0;
        var (mean, variance) = (values.Average(), SeedVariance.OfValues(values));
        if (Math.Abs(mean) < 1e-12) return 1;
        return variance == 0 ? 0 : 2 * StudentT.CDF(0, 1, values.Count - 1, -Math.Abs(mean) / Math.Sqrt(variance));
    }

    private static List<ScoredProbe> Differences(IReadOnlyList<ScoredProbe> treatment, IReadOnlyList<ScoredProbe> baseline)
    {
        HashSet<long> ours = [.. treatment.Select(p => p.Seed)], theirs = [.. baseline.Select(p => p.Seed)];
        if (!ours.SetEquals(theirs))
        {
            // One seed against several: it stands for each of them. Several against other several: their means.
            if (ours.Count > 1 && theirs.Count > 1) (treatment, baseline) = (OverSeeds(treatment), OverSeeds(baseline));
            else if (theirs.Count == 1) baseline = ForEachSeed(baseline, ours);
            else treatment = ForEachSeed(treatment, theirs);
        }
        var scores = baseline.ToDictionary(p => (p.User, p.Probe, p.Seed), p => p.Score);
        return treatment.Where(p => scores.ContainsKey((p.User, p.Probe, p.Seed)))
            .Select(p => p with { Score = p.Score - scores[(p.User, p.Probe, p.Seed)] }).ToList();
    }

    private static List<ScoredProbe> OverSeeds(IEnumerable<ScoredProbe> probes) =>
        probes.GroupBy(p => (p.User, p.Probe)).Select(g => new ScoredProbe(g.Key.User, g.Key.Probe, 0, g.Average(p => p.Score))).ToList();

    private static List<ScoredProbe> ForEachSeed(IEnumerable<ScoredProbe> probes, IReadOnlyCollection<long> seeds) =>
        probes.SelectMany(p => seeds.Select(s => p with { Seed = s })).ToList();
}
