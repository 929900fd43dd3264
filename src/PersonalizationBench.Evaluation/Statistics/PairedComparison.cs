using MathNet.Numerics.Distributions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>How a treatment differs from a baseline on the same probes.</summary>
/// <param name="Difference">Treatment minus baseline, with its interval.</param>
/// <param name="PValue">Two-sided, of the sign-flip test over units; not corrected for other comparisons.</param>
/// <param name="Pairs">Probes that both answered.</param>
/// <param name="SmallestDetectable">The least true difference that this many units would find (5 %, two-sided) four times in five.</param>
public sealed record Comparison(Interval Difference, double PValue, int Pairs, double SmallestDetectable);

/// <summary>
/// Comparison of two strategies on the probes that both answered. Seeds are paired where both have the same; a side with
/// one seed is held against every seed of the other; otherwise seeds are averaged.
/// </summary>
public static class PairedComparison
{
    /// <summary>Up to so many units all sign flips are enumerated (65,536); beyond, they are drawn.</summary>
    private const int MostEnumeratedUnits = 16;

    public static Comparison Compare(IReadOnlyList<ScoredProbe> treatment, IReadOnlyList<ScoredProbe> baseline, BootstrapOptions? options = null)
    {
        options ??= new BootstrapOptions();
        var differences = Differences(treatment, baseline);
        if (differences.Count == 0) throw new ArgumentException("no probe was answered by both: there is nothing to compare");
        var interval = ClusteredBootstrap.Mean(differences, options);
        return new Comparison(
            interval,
            SignFlipPValue(differences, options),
            differences.Select(d => (d.User, d.Probe)).Distinct().Count(),
            SmallestDetectable(interval.StandardError));
    }

    /// <summary>The p-value of <see cref="Compare"/> alone, for when many pairs are to be told apart.</summary>
    public static double PValue(IReadOnlyList<ScoredProbe> treatment, IReadOnlyList<ScoredProbe> baseline, BootstrapOptions? options = null)
    {
        var differences = Differences(treatment, baseline);
        return differences.Count == 0 ? 1 : SignFlipPValue(differences, options ?? new BootstrapOptions());
    }

    /// <summary>Per probe and seed, treatment minus baseline.</summary>
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

    /// <summary>If the strategies were alike, every unit's difference might as well have had the other sign. How often is
    /// the mean then at least as far from zero as it was? Drawn flips count the one observed among them (Phipson and
    /// Smyth, Statistical Applications in Genetics and Molecular Biology 9(1), 2010).</summary>
    private static double SignFlipPValue(IReadOnlyList<ScoredProbe> differences, BootstrapOptions options)
    {
        var table = new ResamplingTable(differences, 1, _ => 0);
        // A unit without any difference has no sign to flip.
        var sums = Enumerable.Range(0, table.Units).Select(table.SumOf).Where(d => d != 0).ToArray();
        var observed = Math.Abs(sums.Sum()) - (1e-9 * sums.Sum(Math.Abs));
        if (sums.Length <= MostEnumeratedUnits)
        {
            var atLeast = 0;
            for (var signs = 0; signs < 1 << sums.Length; signs++)
            {
                if (Math.Abs(Flipped(sums, (ulong)signs)) >= observed) atLeast++;
            }
            return atLeast / (double)(1 << sums.Length);
        }
        var random = DeterministicRandom.For(options.Seed, "sign flips");
        var extreme = 0;
        for (var r = 0; r < options.Resamples; r++)
        {
            var sum = 0.0;
            for (var from = 0; from < sums.Length; from += 64) sum += Flipped(sums.AsSpan(from, Math.Min(64, sums.Length - from)), random.NextUInt64());
            if (Math.Abs(sum) >= observed) extreme++;
        }
        return (extreme + 1) / (options.Resamples + 1.0);
    }

    private static double Flipped(ReadOnlySpan<double> values, ulong signs)
    {
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++) sum += (signs >> i & 1) == 0 ? values[i] : -values[i];
        return sum;
    }

    /// <summary>(z_(1 - alpha/2) + z_power) standard errors: 2.8 of them for 5 % and 80 % (Gelman and Hill, Data Analysis
    /// Using Regression and Multilevel/Hierarchical Models, 2007, section 20.2).</summary>
    public static double SmallestDetectable(double standardError, double alpha = 0.05, double power = 0.8) =>
        (Normal.InvCDF(0, 1, 1 - (alpha / 2)) + Normal.InvCDF(0, 1, power)) * standardError;
}
