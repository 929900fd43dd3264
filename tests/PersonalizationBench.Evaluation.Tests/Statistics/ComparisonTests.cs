using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using static PersonalizationBench.Evaluation.Tests.Statistics.IntervalTests;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

public sealed class ComparisonTests
{
    /// <summary>The worked example of Wikipedia's "Holm-Bonferroni method"; R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") agrees.</summary>
    [Fact]
    public void Holm_adjusts_as_published() =>
        Assert.Equal([0.03, 0.06, 0.06, 0.02], Holm.Adjust([0.01, 0.04, 0.03, 0.005]).Select(p => Math.Round(p, 12)));

    [Fact]
    public void Holm_never_goes_above_one() => Assert.Equal([1, 1], Holm.Adjust([0.9, 0.6]));

    private static Comparison Compare(IReadOnlyList<ScoredProbe> treatment, IReadOnlyList<ScoredProbe> baseline, ScoreKind kind = ScoreKind.ZeroOne) =>
        PairedComparison.Family([new PairedDifferences(treatment, baseline)], kind).Single();

    /// <summary>Darwin's maize, cross- minus self-fertilised heights in eighths of an inch: Fisher, The Design of Experiments
    /// (1935), section 21, finds 1,726 of the 2^15 sign patterns at least as far out, p = 0.05267.</summary>
    [Fact]
    public void The_sign_flip_test_gives_Fishers_p_for_Darwins_maize()
    {
        double[] differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
        var comparison = Compare(Scores(15, 1, (u, _) => differences[u]), Scores(15, 1, (_, _) => 0), ScoreKind.Unbounded);
        Assert.Equal(1726.0 / 32768, comparison.PValue, 12);
        Assert.Equal(20.93, comparison.Difference.Estimate, 2);
    }

    [Fact]
    public void Drawn_sign_flips_agree_with_the_normal_limit()
    {
        // 100 users of +1 or -1, 60 of them +1: two-sided p of |sum| >= 20 by the binomial is 0.0569.
        Assert.InRange(SignFlips.PValue([.. Enumerable.Range(0, 100).Select(u => u < 60 ? 1.0 : -1)]), 0.052, 0.062);
    }

    /// <summary>The same share of +1 and -1 with ever more users: the normal limit again, at z = 2 (0.0455, and a little more for steps of two).</summary>
    [Theory]
    [InlineData(16)]
    [InlineData(64)]
    [InlineData(144)]
    [InlineData(256)]
    public void Any_number_of_users_can_be_flipped(int users)
    {
        var root = (int)Math.Sqrt(users);
        Assert.InRange(SignFlips.PValue([.. Enumerable.Range(0, users).Select(u => u < (users / 2) + root ? 1.0 : -1)]), 0.04, 0.08);
    }

    [Fact]
    public void Probes_of_one_user_are_one_piece_of_evidence()
    {
        // 6 users, every probe better: only 2 of 64 sign patterns are as far out, however many probes there are.
        var comparison = Compare(Scores(6, 500, (_, _) => 1), Scores(6, 500, (_, _) => 0));
        Assert.Equal(2.0 / 64, comparison.PValue);
        Assert.Equal((3000, 3000.0, 0.0), (comparison.Pairs, comparison.Won, comparison.Lost));
        Assert.InRange(comparison.Difference.Low, 0.2, 0.9); // all agree, but they are six
    }

    [Fact]
    public void Five_users_can_show_nothing_and_the_report_is_told_so()
    {
        var comparison = Compare(Scores(5, 500, (_, _) => 1), Scores(5, 500, (_, _) => 0));
        Assert.Equal(2.0 / 32, comparison.PValue);
        Assert.Equal(double.PositiveInfinity, comparison.SmallestDetectable);
    }

    [Fact]
    public void Only_probes_that_both_answered_are_compared()
    {
        var comparison = Compare(Scores(8, 4, (_, p) => p), Scores(8, 2, (_, p) => p - 1.0), ScoreKind.Unbounded);
        Assert.Equal((16, 1.0), (comparison.Pairs, comparison.Difference.Estimate));
        Assert.Throws<ArgumentException>(() => Compare(Scores(8, 1, (_, _) => 0), []));
    }

    [Fact]
    public void One_seed_is_held_against_each_and_unequal_seeds_are_averaged()
    {
        var trained = Scores(8, 1, (_, _) => 0, 1, 2, 3).Select(p => p with { Score = p.Seed }).ToList();
        var one = Compare(trained, Scores(8, 1, (_, _) => 1, 9), ScoreKind.Unbounded);
        Assert.Equal((1.0, 3), (one.Difference.Estimate, one.Difference.Seeds));
        var mirrored = Compare(Scores(8, 1, (_, _) => 1, 9), trained, ScoreKind.Unbounded);
        Assert.Equal((-1.0, one.PValue), (mirrored.Difference.Estimate, mirrored.PValue));
        var other = Compare(trained, Scores(8, 1, (_, _) => 1, 1, 9), ScoreKind.Unbounded);
        Assert.Equal((1.0, 1), (other.Difference.Estimate, other.Difference.Seeds));
        // Paired by seed, what a seed does to both cancels.
        var paired = Compare(trained, trained.Select(p => p with { Score = p.Score - 0.5 }).ToList(), ScoreKind.Unbounded);
        Assert.Equal((0.5, 0.5, 0.5), (paired.Difference.Estimate, Math.Round(paired.Difference.Low, 12), Math.Round(paired.Difference.High, 12)));
    }

    /// <summary>Seeds of mean differences 1, 2, 3, 0, -1: mean 1, s = 1.5811, t = 1.4142 with 4 degrees of freedom, p = 0.2302 (R's t.test).</summary>
    [Fact]
    public void What_users_agree_on_but_seeds_do_not_is_not_found()
    {
        double[] ofSeed = [1, 2, 3, 0, -1];
        var treatment = Scores(30, 2, (_, _) => 0, 1, 2, 3, 4, 5).Select(p => p with { Score = ofSeed[p.Seed - 1] }).ToList();
        var differences = new PairedDifferences(treatment, Scores(30, 2, (_, _) => 0));
        Assert.True(SignFlips.PValue(differences.SumsOf(differences.Users)) < 0.001);
        Assert.Equal(0.2302, PairedComparison.PValues([differences]).Single(), 4);
    }

    [Fact]
    public void Without_any_difference_there_is_no_evidence_of_one_but_a_smallest_that_would_have_shown()
    {
        var same = Scores(16, 10, (u, p) => (u + p) % 2);
        var comparison = Compare(same, same);
        Assert.Equal(1, comparison.PValue);
        Assert.True(comparison.Difference is { Low: < 0, High: > 0 });
        Assert.InRange(comparison.SmallestDetectable, 0.03, 0.06); // d = 2.8 sqrt(d (1 - d) / 160): 4.7 points, seven or eight flips
    }

    [Fact]
    public void Equivalence_needs_a_margin_that_the_number_of_users_can_support()
    {
        var same = Scores(60, 9, (u, p) => (u + p) % 2);
        var few = Scores(8, 9, (u, p) => (u + p) % 2);
        Assert.True(PairedComparison.EquivalenceP(new PairedDifferences(same, same), ScoreKind.ZeroOne, 0.05) < 0.05);
        Assert.True(PairedComparison.EquivalenceP(new PairedDifferences(few, few), ScoreKind.ZeroOne, 0.05) > 0.05);
        var better = Scores(60, 9, (_, _) => 1);
        Assert.Equal(1, PairedComparison.EquivalenceP(new PairedDifferences(better, same), ScoreKind.ZeroOne, 0.05));
    }

    [Fact]
    public void Declared_contrasts_are_corrected_by_Holm_and_others_as_a_family()
    {
        var random = new DeterministicRandom(3);
        var differences = Enumerable.Range(0, 3).Select(i => new PairedDifferences(
            Scores(12, 9, (_, _) => random.Chance(0.5 + (0.15 * i)) ? 1 : 0), Scores(12, 9, (_, _) => random.Chance(0.5) ? 1 : 0))).ToList();
        var alone = differences.ConvertAll(d => PairedComparison.PValues([d]).Single());
        var declared = PairedComparison.Declared([.. differences.Select(d => (d, ScoreKind.ZeroOne, (double?)null))]);
        Assert.Equal(Holm.Adjust(alone), declared.Select(c => c.PValue));
        Assert.All(PairedComparison.Family(differences, ScoreKind.ZeroOne).Zip(alone), p => Assert.InRange(p.First.PValue, p.Second, Math.Min(1, 3 * p.Second)));
        Assert.All(declared, c => Assert.Null(c.EquivalenceP));
    }

    [Fact]
    public void A_family_of_copies_costs_nothing()
    {
        var differences = new PairedDifferences(Scores(12, 9, (u, p) => (u * p) % 3 == 0 ? 0 : 1), Scores(12, 9, (u, p) => (u + p) % 2));
        Assert.Single(PairedComparison.PValues([differences, differences, differences]).Append(PairedComparison.PValues([differences]).Single()).Distinct());
    }

    /// <summary>Gelman and Hill (2007), section 20.2: 2.8 standard errors.</summary>
    [Fact]
    public void The_smallest_detectable_difference_is_two_point_eight_standard_errors() =>
        Assert.Equal(2.8, PairedComparison.SmallestDetectable(1, 1.96), 2);
}
