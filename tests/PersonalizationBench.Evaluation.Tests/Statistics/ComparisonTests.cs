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

    /// <summary>Darwin's maize, cross- minus self-fertilised heights in eighths of an inch: Fisher, The Design of Experiments
    /// (1935), section 21, finds 1,726 of the 2^15 sign patterns at least as far out, p = 0.05267.</summary>
    [Fact]
    public void The_sign_flip_test_gives_Fishers_p_for_Darwins_maize()
    {
        double[] differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
        var comparison = PairedComparison.Compare(Scores(15, 1, (u, _) => differences[u]), Scores(15, 1, (_, _) => 0));
        Assert.Equal(1726.0 / 32768, comparison.PValue, 12);
        Assert.Equal(20.93, comparison.Difference.Estimate, 2);
    }

    [Fact]
    public void Drawn_sign_flips_agree_with_the_normal_limit()
    {
        // 100 users of +1 or -1, 60 of them +1: two-sided p of |sum| >= 20 by the binomial is 0.0569.
        var comparison = PairedComparison.Compare(Scores(100, 1, (u, _) => u < 60 ? 1 : -1), Scores(100, 1, (_, _) => 0));
        Assert.InRange(comparison.PValue, 0.049, 0.065);
    }

    [Fact]
    public void Probes_of_one_user_are_one_piece_of_evidence()
    {
        // 6 users, every probe better: only 2 of 64 sign patterns are as far out, however many probes there are.
        var comparison = PairedComparison.Compare(Scores(6, 500, (_, _) => 1), Scores(6, 500, (_, _) => 0), BootstrapOptions.ShareDifference);
        Assert.Equal(2.0 / 64, comparison.PValue);
        Assert.Equal(3000, comparison.Pairs);
        Assert.InRange(comparison.Difference.Low, -0.1, 0.2); // 1 - 2 * 0.459: all agree, but they are six
    }

    [Fact]
    public void Only_probes_that_both_answered_are_compared()
    {
        var comparison = PairedComparison.Compare(Scores(8, 4, (_, p) => p), Scores(8, 2, (_, p) => p - 1.0));
        Assert.Equal((16, 1.0), (comparison.Pairs, comparison.Difference.Estimate));
        Assert.Throws<ArgumentException>(() => PairedComparison.Compare(Scores(8, 1, (_, _) => 0), []));
    }

    [Fact]
    public void One_seed_is_held_against_each_and_unequal_seeds_are_averaged()
    {
        var trained = Scores(8, 1, (_, _) => 0, 1, 2, 3).Select(p => p with { Score = p.Seed }).ToList();
        var one = PairedComparison.Compare(trained, Scores(8, 1, (_, _) => 1, 9));
        Assert.Equal((1.0, 3), (one.Difference.Estimate, one.Difference.Seeds));
        var mirrored = PairedComparison.Compare(Scores(8, 1, (_, _) => 1, 9), trained);
        Assert.Equal((-1.0, one.PValue), (mirrored.Difference.Estimate, mirrored.PValue));
        var other = PairedComparison.Compare(trained, Scores(8, 1, (_, _) => 1, 1, 9));
        Assert.Equal((1.0, 1), (other.Difference.Estimate, other.Difference.Seeds));
        // Paired by seed, what a seed does to both cancels.
        var paired = PairedComparison.Compare(trained, trained.Select(p => p with { Score = p.Score - 0.5 }).ToList());
        Assert.Equal((0.5, 0.5, 0.5), (paired.Difference.Estimate, paired.Difference.Low, paired.Difference.High));
    }

    [Fact]
    public void Without_any_difference_there_is_no_evidence_of_one()
    {
        var same = Scores(16, 10, (u, p) => (u + p) % 2);
        var comparison = PairedComparison.Compare(same, same, BootstrapOptions.ShareDifference);
        Assert.Equal(1, comparison.PValue);
        Assert.True(comparison.Difference is { Low: < 0, High: > 0 });
    }

    [Fact]
    public void Where_there_is_no_difference_the_test_finds_one_in_twenty()
    {
        var random = new DeterministicRandom(5);
        var found = Enumerable.Range(0, 1000).Count(_ =>
        {
            var accuracy = Enumerable.Range(0, 10).Select(_ => random.NextDouble()).ToArray();
            List<ScoredProbe> Draw() => Scores(10, 5, (u, _) => random.Chance(accuracy[u]) ? 1 : 0);
            return PairedComparison.Compare(Draw(), Draw(), new BootstrapOptions { Resamples = 10 }).PValue < 0.05;
        });
        Assert.InRange(found, 15, 70);
    }

    /// <summary>Gelman and Hill (2007), section 20.2: 2.8 standard errors.</summary>
    [Fact]
    public void The_smallest_detectable_difference_is_two_point_eight_standard_errors() =>
        Assert.Equal(2.8, PairedComparison.SmallestDetectable(1), 2);
}
