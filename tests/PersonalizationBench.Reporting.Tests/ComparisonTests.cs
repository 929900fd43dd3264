namespace PersonalizationBench.Reporting.Tests;

public sealed class ComparisonTests
{
    [Fact]
    public void A_study_agrees_with_itself_in_every_mean()
    {
        var results = SyntheticStudy.World().Results();
        var comparison = new StudyComparison(results, results);
        Assert.NotEmpty(comparison.Means);
        Assert.All(comparison.Means, m => Assert.True(m.Agrees));
        Assert.Empty(comparison.Unmatched);
    }

    [Fact]
    public void A_mean_outside_the_other_ones_interval_is_told_and_so_is_an_arm_that_only_one_has()
    {
        var (before, after) = (new SyntheticStudy("quickstart", 12, 2), new SyntheticStudy("quickstart", 12, 2));
        before.Add("none", "none", SyntheticStudy.WorldKinds, [0.5, 0.5, 0.5, 0.5, 0.5], prompt: 18);
        after.Add("none", "none", SyntheticStudy.WorldKinds, [0.99, 0.5, 0.5, 0.5, 0.5], prompt: 18);
        after.Add("rag", "rag k=2", SyntheticStudy.WorldKinds, [0.8, 0.6, 0.85, 0.6, 0.88], prompt: 110);
        var comparison = new StudyComparison(before.Results(), after.Results());
        Assert.Equal(["recall"], comparison.Means.Where(m => !m.Agrees && !m.Measure.IsSecondary).Select(m => m.Measure.Name));
        Assert.Equal(["rag k=2"], comparison.Unmatched);
        Assert.Contains(comparison.Table().Rows, r => r[1].Text == "recall" && r[4].Text == "no" && r[2].IsBold);
    }
}
