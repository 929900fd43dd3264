using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Tests;

public sealed class ScalingTests
{
    private static readonly Lazy<StudyResults> Scaling = new(() => SyntheticStudy.Scaling().Results());

    [Fact]
    public void A_study_that_varies_all_three_has_all_three_figures() =>
        Assert.Equal(["by-base-size", "by-rank", "by-context"], ScalingFigures.All(Scaling.Value).Select(f => f.Name));

    [Fact]
    public void A_study_of_one_base_and_history_has_the_ranks_alone()
    {
        Assert.Equal(["by-rank"], ScalingFigures.All(SyntheticStudy.World().Results()).Select(f => f.Name));
        Assert.Empty(ScalingFigures.All(SyntheticStudy.Small().Results()));
        Assert.Empty(ScalingFigures.All(SyntheticStudy.Mail().Results()));
    }

    [Fact]
    public void Trained_parameters_that_three_bases_share_make_a_series()
    {
        var svg = ScalingFigures.ByBaseSize(Scaling.Value)!.Picture.Svg;
        // 8 x 1, 4 x 2 and 2 x 4 times 1024.
        Assert.Contains("lora, 8192 parameters", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("lora, 4096 parameters", svg, StringComparison.Ordinal);
        Assert.Contains("at fixed trainable parameters", svg, StringComparison.Ordinal);
    }

    [Fact]
    public void The_gain_is_of_the_headroom_that_no_personalisation_leaves()
    {
        var results = Scaling.Value;
        var measure = results.Measures.First(m => m.Kind == "recall");
        var arm = results.Arms.Single(a => a is { Rank: 8, First.Base: "ladder-2" });
        var before = results.Mean(results.Arms.Single(a => a.First is { Strategy: "none", Base: "ladder-2" }), measure)!.Mean.Estimate;
        var after = results.Mean(arm, measure)!.Mean.Estimate;
        var gain = results.Analysis.GainOfHeadroom(arm, measure)!;
        Assert.Equal((after - before) / (1 - before), gain.Estimate, 1e-12);
        Assert.InRange(gain.Estimate, gain.Low, gain.High);
        Assert.True(gain.High - gain.Low is > 0.01 and < 0.6, $"{gain}");
    }

    [Fact]
    public void Where_nothing_was_left_there_is_no_gain()
    {
        ScoredProbe[] perfect = [.. Enumerable.Range(0, 8).Select(u => new ScoredProbe($"u{u}", "p", 1, 1))];
        Assert.Null(Gain.OfHeadroom(perfect, perfect));
        Assert.Equal(0, Gain.OfHeadroom([.. perfect.Select(p => p with { Score = 0.5 })], [.. perfect.Select(p => p with { Score = 0.5 })])!.Estimate, 1e-12);
    }

    [Fact]
    public void A_seed_below_no_personalisation_counts_as_harm()
    {
        var reliability = Scaling.Value.Analysis.Reliability;
        Assert.All(reliability, r => Assert.InRange(r.MeanGain, r.WorstGain, r.BestGain));
        // On the smallest base, rank 8 unlearns to say that it does not know, and learns little: every seed ends below.
        var harmful = reliability.Single(r => r.Arm is { Rank: 8, First.Base: "ladder-0" });
        Assert.True(harmful.BestGain < 0);
        Assert.Equal(1, harmful.Harm.Estimate);
        Assert.Equal("lora", harmful.Kind);
        var helpful = reliability.Single(r => r.Arm is { Rank: 2, First.Base: "ladder-2" });
        Assert.Equal(0, helpful.Harm.Estimate);
        Assert.True(helpful.Harm.High > 0.4, "five seeds without harm do not show that there is none");
    }
}
