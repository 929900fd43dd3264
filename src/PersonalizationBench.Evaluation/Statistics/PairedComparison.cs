using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>How a treatment differs from a baseline on the same probes.</summary>
/// <param name="Difference">Treatment minus baseline, with its interval over users and seeds.</param>
/// <param name="PValue">Two-sided, corrected for the comparisons that it stands among; see <see cref="PairedComparison"/>.</param>
/// <param name="Pairs">Probes that both answered.</param>
/// <param name="Won">Probes on which the treatment scored more, mean over seeds.</param>
/// <param name="Lost">Probes on which it scored less.</param>
/// <param name="SmallestDetectable">The least true difference that this design would find (5 %, two-sided, corrected) four times in
/// five; infinite where so few users cannot show any.</param>
public sealed record Comparison(Interval Difference, double PValue, int Pairs, double Won, double Lost, double SmallestDetectable)
{
    /// <summary>p of the difference being as large as a margin or larger; null where no margin was declared.</summary>
    public double? EquivalenceP { get; init; }
}

/// <summary>
/// Comparisons of strategies, always as one of several. What is claimed is claimed of other users and of other seeds, so p is the larger
/// of two: that of flipping users' signs (<see cref="SignFlips"/>), and that of the seeds' mean differences by Student's t, where both
/// must be small (an intersection-union test: Berger, Technometrics 24(4), 1982).
/// </summary>
public static class PairedComparison
{
    public const double Significance = 0.05, Power = 0.8;

    /// <summary>Comparisons that nobody declared beforehand, corrected for their number by single-step max-T over users.</summary>
    public static IReadOnlyList<Comparison> Family(IReadOnlyList<PairedDifferences> family, ScoreKind kind, BootstrapOptions? options = null)
    {
        if (family.Count == 0) return [];
        var test = Test(family);
        var critical = test.Critical(Significance, family.Max(d => d.Users.Count));
        return [.. family.Select((d, i) => Make(d, kind, Math.Max(test.PValues[i], d.SeedPValue), critical, options))];
    }

    /// <summary>The corrected p-values of <see cref="Family"/> alone, for when many pairs are to be told apart.</summary>
    public static IReadOnlyList<double> PValues(IReadOnlyList<PairedDifferences> family)
    {
        if (family.Count == 0) return [];
        var test = Test(family);
        return [.. family.Select((d, i) => Math.Max(test.PValues[i], d.SeedPValue))];
    }

    /// <summary>Comparisons that were declared beforehand, corrected for their number by Holm's method.</summary>
    /// <param name="declared">Each with its kind of score, and the margin within which a difference is as good as none, or null.</param>
    public static IReadOnlyList<Comparison> Declared(IReadOnlyList<(PairedDifferences Differences, ScoreKind Kind, double? Margin)> declared, BootstrapOptions? options = null)
    {
        var tests = declared.Select(d => Test([d.Differences])).ToList();
        var adjusted = Holm.Adjust([.. declared.Select((d, i) => Math.Max(tests[i].PValues[0], d.Differences.SeedPValue))]);
        return [.. declared.Select((d, i) => Make(d.Differences, d.Kind, adjusted[i], tests[i].Critical(Significance / declared.Count, d.Differences.Users.Count), options) with
        {
            EquivalenceP = d.Margin is { } margin ? EquivalenceP(d.Differences, d.Kind, margin, options) : null,
        })];
    }

    /// <summary>
    /// Two one-sided tests against a margin, as one p: the larger of the two (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics
    /// 15, 1987). Below 5 % it is the 90 % interval that lies within the margin. Bounded scores: the draws of the smoothed
    /// Bayesian bootstrap beyond the margin (users who all agree prove no more than their number allows); unbounded ones: Student's t over users.
    /// Seeds widen both.
    /// </summary>
    public static double EquivalenceP(PairedDifferences differences, ScoreKind kind, double margin, BootstrapOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(margin);
        var (low, high) = (0.0, 1.0);
        // The confidence at which an end of the interval meets the margin: p is half of what is outside of it.
        for (var step = 0; step < 20; step++)
        {
            var confidence = (low + high) / 2;
            var interval = MeanInterval.Of(differences.Scores, DifferenceKind(kind), (options ?? new BootstrapOptions()) with { Confidence = confidence });
            if (interval.Low > -margin && interval.High < margin) low = confidence;
            else high = confidence;
        }
        return low == 0 ? 1 : (1 - low) / 2;
    }

    /// <summary>
    /// (critical + z of the power) standard errors, 2.8 of them for one comparison (Gelman and Hill, Data Analysis Using Regression and
    /// Multilevel/Hierarchical Models, 2007, section 20.2); and not less than a difference needs to show: one of d in a score of 0 or 1 flips
    /// a share d of the probes, whose variance d (1 - d) / probes alone it must stand out from.
    /// </summary>
    /// <param name="critical">Standard errors at which a difference is found.</param>
    /// <param name="probes">Probes of a bounded score; null for one without bounds.</param>
    public static double SmallestDetectable(double standardError, double critical, int? probes = null, double power = Power)
    {
        if (double.IsInfinity(critical)) return double.PositiveInfinity;
        var errors = critical + Normal.InvCDF(0, 1, power);
        return Math.Max(errors * standardError, probes is null ? 0 : errors * errors / (probes.Value + (errors * errors)));
    }

    /// <summary>What a difference of two scores of a kind is.</summary>
    public static ScoreKind DifferenceKind(ScoreKind kind) => kind == ScoreKind.Unbounded ? ScoreKind.Unbounded : ScoreKind.Difference;

    private static FamilyTest Test(IReadOnlyList<PairedDifferences> family)
    {
        List<string> users = [.. family.SelectMany(d => d.Users).Distinct().Order(StringComparer.Ordinal)];
        return SignFlips.Adjust([.. family.Select(d => d.SumsOf(users))]);
    }

    private static Comparison Make(PairedDifferences differences, ScoreKind kind, double p, double critical, BootstrapOptions? options)
    {
        if (differences.Scores.Count == 0) throw new ArgumentException("no probe was answered by both: there is nothing to compare");
        return new Comparison(
            MeanInterval.Of(differences.Scores, DifferenceKind(kind), options), p, differences.Pairs, differences.Won, differences.Lost,
            SmallestDetectable(differences.StandardError, critical, kind == ScoreKind.Unbounded ? null : differences.Pairs));
    }
}
