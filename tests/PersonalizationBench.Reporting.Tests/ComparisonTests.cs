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
        Assert.All(comparison.Means, m => Assert.Equal((0.0, 0, 0), (m.Paired!.Mean, m.Paired.Rose, m.Paired.Fell)));
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
        var recall = comparison.Means.Single(m => m.Measure is { Name: "recall" });
        Assert.Equal(recall.After.Mean.Estimate - recall.Before.Mean.Estimate, recall.Paired!.Mean, 9);
        Assert.True(recall.Paired.Rose > recall.Paired.Fell && recall.Paired.Rose + recall.Paired.Fell <= recall.Paired.Pairs);
    }

    private const string Manifest = """
        { "precision": "auto", "seeds": [1, 2], "measurement_version": "2",
          "bases": [{ "name": "world-1m", "digest": "aa" }],
          "datasets": [{ "label": "world", "digest": "bb", "users": 12, "settings": { "users": 12, "facts": 12 } }],
          "strategies": [{ "label": "none", "control": "", "settings": {} }, { "label": "lora", "control": "", "settings": { "rank": 8, "study": { "material": "documents" } } }, { "label": "lora", "control": "wrong-user", "settings": { "rank": 8 } }],
          "invocations": [{ "environment": { "git_commit": "c1", "cores": 2 } }] }
        """;

    [Fact]
    public void What_changed_in_settings_and_machine_is_told_by_name()
    {
        var after = Manifest.Replace("\"seeds\": [1, 2]", "\"seeds\": [1, 2, 3]", StringComparison.Ordinal).Replace("\"documents\"", "\"self-study\"", StringComparison.Ordinal)
            .Replace("{ \"label\": \"none\", \"control\": \"\", \"settings\": {} }", "{ \"label\": \"rag\", \"control\": \"\", \"settings\": { \"k\": 4 } }", StringComparison.Ordinal)
            .Replace("\"users\": 12, \"facts\"", "\"users\": 60, \"facts\"", StringComparison.Ordinal).Replace("c1", "c2", StringComparison.Ordinal);
        Assert.Equal(
            [
                ("seeds", "[1, 2]", "[1, 2, 3]"), ("data set world: users", "12", "60"), ("strategy none", "there", "–"),
                ("strategy lora: study.material", "documents", "self-study"), ("machine: git_commit", "c1", "c2"), ("strategy rag", "–", "there"),
            ],
            SettingDifferences.Of(With(Manifest), With(after)).Select(d => (d.What, d.Before, d.After)));
        Assert.Empty(SettingDifferences.Of(With(Manifest), With(Manifest)));

        static StudyResults With(string manifest)
        {
            using var folder = new TemporaryFolder();
            var written = SyntheticStudy.World().WriteTo(folder.Path);
            File.WriteAllText(Path.Combine(written, "manifest.json"), manifest);
            return StudyResults.Load(written);
        }
    }

    [Fact]
    public void Means_stand_beside_each_other_and_who_disagrees_is_marked()
    {
        var (before, after) = (new SyntheticStudy("quickstart", 12, 2), new SyntheticStudy("quickstart", 12, 2));
        before.Add("none", "none", SyntheticStudy.WorldKinds, [0.5, 0.5, 0.5, 0.5, 0.5], prompt: 18);
        after.Add("none", "none", SyntheticStudy.WorldKinds, [0.99, 0.5, 0.5, 0.5, 0.5], prompt: 18);
        var table = new StudyComparison(before.Results(), after.Results()).Beside();
        Assert.Equal("no personalisation", table.Rows[0][0].Text);
        var recall = table.Header.ToList().IndexOf("recall, %");
        Assert.Matches(@"^\d+\.\d → \d+\.\d\*$", table.Rows[0][recall].Text);
        Assert.True(table.Rows[0][recall].IsBold);
        Assert.DoesNotContain("*", table.Rows[0][recall == 1 ? 2 : 1].Text, StringComparison.Ordinal);
    }
}
