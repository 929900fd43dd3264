using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Tests.Fakes;

namespace PersonalizationBench.Runner.Tests;

public sealed class StudyFileTests
{
    private const string Head = "study: letters\nhypothesis: It works.\nbases: [tiny]\n";
    private const string Strategies = "strategies:\n  - type: none\n";

    [Theory]
    [InlineData("study: leters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\nstrategies: [{ type: none }]\n", "letters.yaml:1: study: the study is called 'leters' and the file 'letters'; expected one name")]
    [InlineData(Head + "dataset: { name: letters }\nsede: [1]\n" + Strategies, "letters.yaml:5: unknown key 'sede'; did you mean 'seeds'?")]
    [InlineData(Head + Strategies, "letters.yaml:1: key 'dataset' is missing")]
    [InlineData(Head + "dataset: { name: letters }\nseeds: []\n" + Strategies, "letters.yaml:5: seeds: expected at least one seed")]
    [InlineData(Head + "dataset: { name: letters }\ndevice: tpu\n" + Strategies, "letters.yaml:5: device: expected auto, cpu or cuda")]
    [InlineData(Head + "dataset: { name: letters }\ncontrols: waived\n" + Strategies, "letters.yaml:5: controls: expected a mapping with the key waived, found 'waived'")]
    [InlineData(Head + "dataset: { name: lettres }\n" + Strategies, "letters.yaml:4: dataset.name: unknown dataset 'lettres'; did you mean 'letters'?")]
    [InlineData(Head + "dataset: { users: 3 }\n" + Strategies, "letters.yaml:4: dataset: key 'name' is missing")]
    [InlineData(Head + "dataset: letters\n" + Strategies, "letters.yaml:4: dataset: expected a dataset as a mapping with the key name, found 'letters'")]
    [InlineData(Head + "dataset: { name: letters, user: 3 }\n" + Strategies, "letters.yaml:4: unknown key 'user' in dataset; did you mean 'users'?")]
    [InlineData(Head + "dataset: { name: letters, users: 0 }\n" + Strategies, "letters.yaml:4: dataset.users: expected a value between 1 and 100, found 0")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: none\n  - type: loar\n", "letters.yaml:7: strategies[1].type: unknown strategy 'loar'; did you mean 'lora'?")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: none\n  - type: lora\n    rnak: 4\n", "letters.yaml:8: unknown key 'rnak' in strategies[1]; did you mean 'rank'?")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: lora\n    rank: [4, eight]\n", "letters.yaml:7: strategies[0].rank[1]: expected a whole number, found 'eight'")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: lora\n    rank: []\n", "letters.yaml:7: strategies[0].rank: expected at least one value")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: lora\n    control: wrong-users\n", "letters.yaml:7: strategies[0].control: expected wrong-user, found 'wrong-users'")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: lora\n    bases: [smal]\n", "letters.yaml:7: strategies[0].bases[0]: 'smal' is none of the study's bases; expected some of tiny")]
    [InlineData(Head + "dataset: { name: letters }\nstrategies:\n  - type: lora\n    bases: tiny\n", "letters.yaml:7: strategies[0].bases: expected some of the study's bases as a list, found 'tiny'")]
    [InlineData("study: letters\nhypothesis: x\nbases: [tiny, smal]\ndataset: { name: letters }\n" + Strategies, "letters.yaml:3: bases[1]: unknown base 'smal'; did you mean 'small'?")]
    public void What_is_wrong_with_a_study_is_said_with_its_place(string yaml, string message)
    {
        using var bench = new Bench();
        Assert.Equal(message, bench.Error(() => bench.Plan(yaml)));
    }

    [Fact]
    public void The_grid_is_bases_by_datasets_by_strategies_by_seeds()
    {
        using var bench = new Bench();
        var plan = bench.Plan("""
            study: letters
            hypothesis: It works.
            dataset: { name: letters, users: [1, 2] }
            bases: [tiny, small]
            seeds: [7, 8]
            strategies:
              - type: none
              - type: lora
                rank: [2, 4]
                learning_rate: 0.1
            """);
        Assert.Equal(["tiny", "small"], plan.Cells.Select(c => c.Base.Name).Distinct());
        Assert.Equal(
            ["none | letters users=1 | 7", "lora r=2 seed=7 | letters users=1 | 7", "lora r=2 seed=8 | letters users=1 | 8", "lora r=4 seed=7 | letters users=1 | 7", "lora r=4 seed=8 | letters users=1 | 8", "none | letters users=2 | 7"],
            plan.Cells.Take(6).Select(c => $"{c.Name} | {c.Dataset.Label} | {c.Seed}"));
        Assert.Equal(20, plan.Cells.Count);
    }

    [Fact]
    public void A_strategy_may_have_other_settings_on_other_bases_and_keeps_its_name()
    {
        using var bench = new Bench();
        var plan = bench.Plan("""
            study: letters
            hypothesis: It works.
            dataset: { name: letters }
            bases: [tiny, small]
            seeds: [7]
            strategies:
              - type: none
              - { type: lora, rank: [2, 4], learning_rate: 0.1, bases: [tiny] }
              - { type: lora, rank: [2, 4], learning_rate: 0.2, bases: [small] }
            """);
        Assert.Equal(
            ["tiny | none", "tiny | lora r=2 seed=7", "tiny | lora r=4 seed=7", "small | none", "small | lora r=2 seed=7", "small | lora r=4 seed=7"],
            plan.Cells.Select(c => $"{c.Base.Name} | {c.Name}"));
        Assert.Equal(["0.1", "0.2"], plan.Cells.Where(c => c.Strategy.Label == "lora r=2").Select(c => System.Text.Json.JsonDocument.Parse(c.Strategy.Settings).RootElement.GetProperty("learning_rate").GetRawText()));
    }

    [Fact]
    public void A_list_setting_is_an_axis_only_as_a_list_of_lists()
    {
        using var bench = new Bench();
        string Labels(string strategies) => string.Join("; ", bench.Plan(Head + "dataset: { name: letters }\nstrategies:\n" + strategies).Strategies.Select(s => s.FullLabel));
        Assert.Equal("lora", Labels("  - { type: lora, target_modules: [q, k] }\n"));
        Assert.Equal("lora modules=q+k; lora modules=v", Labels("  - { type: lora, target_modules: [[q, k], [v]] }\n"));
        Assert.Equal("lora r=8 lr=0.001; lora r=2 lr=0.1; lora r=2 lr=0.001 (wrong-user)",
            Labels("  - { type: lora }\n  - { type: lora, rank: 2, learning-rate: 0.1 }\n  - { type: lora, rank: 2, control: wrong-user }\n"));
    }

    /// <summary>Keys name results on disk: a change here makes every study measure everything again.</summary>
    [Fact]
    public void Keys_do_not_change()
    {
        using var bench = new Bench();
        var plan = bench.Plan(Bench.Complete);
        Golden.Check("keys.txt", string.Concat(plan.Cells.Select(c => $"{c.Key} {c.Name} {c.Strategy.Settings}\n")));
    }

    [Fact]
    public void A_key_depends_on_what_changes_a_result_and_on_no_name()
    {
        using var bench = new Bench();
        HashSet<string> Keys(string from, string to) => [.. bench.Plan(Bench.Complete.Replace(from, to, StringComparison.Ordinal)).Cells.Select(c => c.Key)];
        var keys = Keys("# Hypothesis", "# Another comment");
        Assert.Equal(keys, Keys("Letters are learnt.\ndataset", "Something else.\ndataset"));
        Assert.Equal(keys, Keys("    rank: [2, 4]", "    learning-rate: 1e-3\n    rank: [2, 4]"));
        Assert.Equal(keys, Keys("bases:", "latency_probes: 3\nmemory: false\nbases:"));
        Assert.Equal(keys.Count - 5, Keys("rank: [2, 4]", "rank: [2, 8]").Intersect(keys).Count());
        foreach (var (from, to) in new[] { ("users: 2", "users: 3"), ("[tiny]", "[small]"), ("bases:", "precision: float32\nbases:"), ("bases:", "device: cpu\nbases:"), ("bases:", "seeds: [9, 10, 11, 12, 13]\nbases:") })
            Assert.Empty(Keys(from, to).Intersect(keys));
    }
}
