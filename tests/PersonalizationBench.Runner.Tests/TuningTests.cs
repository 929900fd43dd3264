using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Tests.Fakes;
using PersonalizationBench.Runner.Tuning;
using PersonalizationBench.Runner.Validation;

namespace PersonalizationBench.Runner.Tests;

public sealed class TuningTests
{
    private const string Study = """
        study: letters
        hypothesis: x
        dataset: { name: letters }
        bases: [tiny]
        allow_few_seeds: true
        seeds: [1]
        tune:
          objective: recall
          seeds: [1, 2]
          users: 3
          families:
            - type: rag
              k: [1, 2, 3]
            - family: adapter
              type: lora
              rank: 4
              learning_rate: [1e-3, 1e-2, 1e-1]
        strategies:
          - type: none
          - type: majority
          - type: rag
            tuned: rag
          - type: lora
            tuned: adapter
            rank: [2, 8]
          - type: lora
            tuned: adapter
            rank: 8
            control: wrong-user
        """;

    /// <summary>Three tuning users, of whom no name and id is a reported user's.</summary>
    private static Bench Make() => new(d => d with { TuningUsers = [.. Enumerable.Range(1, 5).Select(i => FakeDatasets.Person($"t{i}", $"Bob {i}"))] });

    private static string FolderOf(Bench bench) => Path.Combine(bench.Folder, "tuning", "letters");

    private static StudyPlanner Planner(Bench bench) => new([bench.Datasets], bench.Bases, bench.Strategies, new TuningResults([Path.Combine(bench.Folder, "tuning"), Path.Combine(bench.Folder, "published")]));

    private static IReadOnlyList<ChosenRecord> Tune(Bench bench, string yaml)
    {
        var plan = Planner(bench).PlanTuning(bench.Read(yaml));
        StudyValidators.Check(plan);
        using (var store = ResultStore.Open(FolderOf(bench), plan, bench.Clock))
            new StudyRunner(bench.Bases, new CellExecutor(new PhaseMeter(bench.Clock), new HeldOut(bench.Strategies)), new ArmCosts(bench.Clock), bench.Clock).Run(plan, store, new PlainProgress(TextWriter.Null), default);
        var chosen = TuningChoice.Of(plan, FolderOf(bench));
        RecordCsv.WriteFile(Path.Combine(FolderOf(bench), ChosenRecord.FileName), chosen);
        return chosen;
    }

    [Fact]
    public void Two_families_get_the_same_budget_and_the_study_takes_what_was_best_for_each()
    {
        using var bench = Make();
        var chosen = Tune(bench, Study);
        Assert.Equal([("rag", "rag", 3, 2, 3, 0), ("adapter", "lora", 3, 2, 3, 0)], chosen.Select(c => (c.Family, c.Strategy, c.Configurations, c.Seeds, c.Users, c.Failed)));

        // The best by the records themselves.
        var runs = RecordCsv.ReadFile<RunRecord>(Path.Combine(FolderOf(bench), "runs.csv"));
        var probes = RecordCsv.ReadFile<ProbeRecord>(Path.Combine(FolderOf(bench), "probes.csv"));
        foreach (var family in chosen)
        {
            var means = runs.Where(r => r.Strategy == family.Strategy).GroupBy(r => r.Settings).Select(g => (Settings: g.Key,
                Mean: probes.Where(p => g.Any(r => r.Key == p.Key) && p is { Kind: "recall", Metric: "exact-match" }).Average(p => p.Score))).ToList();
            Assert.Equal(3, means.Count);
            Assert.Equal(means.Max(m => m.Mean), means.Single(m => m.Settings == family.Settings).Mean, 1e-12);
            Assert.Equal(means.Max(m => m.Mean), family.Estimate, 1e-12);
        }

        var plan = Planner(bench).Plan(bench.Read(Study));
        var rag = plan.Strategies.Single(s => s.Type == "rag");
        Assert.Equal(chosen[0].Settings, rag.Settings);
        var (rate, adapters) = (JsonNode.Parse(chosen[1].Settings)!["learning_rate"]!.GetValue<double>(), plan.Strategies.Where(s => s.Type == "lora").ToList());
        Assert.Equal([(2, rate), (8, rate), (8, rate)], adapters.Select(s => (((LoraOptions)s.Options).Rank, ((LoraOptions)s.Options).LearningRate)));
        Assert.All(adapters, s => Assert.Equal(new Tuned("adapter", "recall", 3, 2, 3), s.Tuned));
        StudyValidators.Check(plan);
    }

    [Fact]
    public void Only_tuning_users_are_asked_and_nothing_but_their_scores_is_measured()
    {
        using var bench = Make();
        Tune(bench, Study);
        Assert.Equal(["t1", "t2", "t3"], bench.Strategies.Asked.Select(a => a.Question.UserId).Distinct());
        Assert.DoesNotContain(bench.Strategies.Asked, a => a.Batch == 1);
        // Three configurations of what no seed changes run once, three of what is trained with both seeds.
        Assert.Equal(9, RecordCsv.ReadFile<RunRecord>(Path.Combine(FolderOf(bench), "runs.csv")).Count);
    }

    [Fact]
    public void Families_with_unequal_budgets_are_refused()
    {
        using var bench = Make();
        var unequal = Study.Replace("k: [1, 2, 3]", "k: [1, 2]", StringComparison.Ordinal);
        foreach (var plan in (Func<StudyPlan>[])[() => Planner(bench).PlanTuning(bench.Read(unequal)), () => Planner(bench).Plan(bench.Read(Untuned(unequal)))])
            Assert.Equal("letters.yaml:12: tune.families: 'rag' has 2 configurations on tiny where 'adapter' has 3; every family gets as many", bench.Error(() => StudyValidators.Check(plan())).Split('\n')[0]);
    }

    [Fact]
    public void A_configuration_that_stands_twice_pads_no_budget()
    {
        using var bench = Make();
        Assert.Contains("letters.yaml:12: tune.families: a configuration of 'rag' stands 2 times on tiny: {\"k\":1}; expected each once",
            bench.Error(() => StudyValidators.Check(Planner(bench).PlanTuning(bench.Read(Study.Replace("k: [1, 2, 3]", "k: [1, 2, 1]", StringComparison.Ordinal))))), StringComparison.Ordinal);
    }

    [Fact]
    public void Entries_of_one_family_share_its_budget()
    {
        using var bench = Make();
        var grouped = Study.Replace("    - type: rag\n      k: [1, 2, 3]", "    - family: prompt\n      type: rag\n      k: [1, 2]\n    - family: prompt\n      type: oracle", StringComparison.Ordinal).Replace("tuned: rag", "tuned: prompt", StringComparison.Ordinal);
        var chosen = Tune(bench, grouped);
        Assert.Equal([("prompt", "rag", 3), ("prompt", "oracle", 3), ("adapter", "lora", 3)], chosen.Select(c => (c.Family, c.Strategy, c.Configurations)));
        Assert.Contains(Planner(bench).Plan(bench.Read(grouped)).Strategies, s => s.Tuned?.Family == "prompt" && s.Type == "rag");
    }

    [Theory]
    [InlineData("k: [1, 2, 3]", "k: [1, 2, 4]", "letters.yaml:22: strategies[2].tuned: nothing was chosen for 'rag' on tiny yet from what stands under tune; first: pbench tune letters.yaml")]
    [InlineData("seeds: [1, 2]", "seeds: [1, 3]", "letters.yaml:22: strategies[2].tuned: nothing was chosen for 'rag' on tiny yet from what stands under tune; first: pbench tune letters.yaml")]
    [InlineData("tuned: rag", "tuned: adaptr", "letters.yaml:22: strategies[2].tuned: unknown family of rag under tune 'adaptr'; expected one of rag")]
    [InlineData("    tuned: adapter\n    rank: [2, 8]", "    tuned: adaptr\n    rank: [2, 8]", "letters.yaml:24: strategies[3].tuned: unknown family of lora under tune 'adaptr'; did you mean 'adapter'?")]
    [InlineData("    tuned: adapter\n    rank: [2, 8]", "    tuned: adapter\n    learning_rate: 1", "letters.yaml:25: strategies[3].learning_rate: 'adapter' chooses learning_rate; expected it only under tune, or no tuned: adapter")]
    public void What_cannot_be_taken_is_said_with_its_place(string from, string to, string error)
    {
        using var bench = Make();
        Tune(bench, Study);
        Assert.Equal(error, bench.Error(() => StudyValidators.Check(Planner(bench).Plan(bench.Read(Study.Replace(from, to, StringComparison.Ordinal))))).Split('\n')[0]);
    }

    [Theory]
    [InlineData("objective: recall", "objective: recal", "letters.yaml:8: tune.objective: there are no probes of the kind 'recal'; did you mean 'recall'?")]
    [InlineData("objective: recall", "objective: mean", "letters.yaml:8: tune.objective: a mean of accuracies, which are better when higher, and of bits per byte, which are better when lower, says nothing; expected one of recall, preference, continuation")]
    public void An_objective_that_is_none_is_said_before_anything_is_tried(string from, string to, string error)
    {
        using var bench = Make();
        Assert.Equal(error, bench.Error(() => StudyValidators.Check(Planner(bench).PlanTuning(bench.Read(Study.Replace(from, to, StringComparison.Ordinal))))).Split('\n')[0]);
    }

    [Fact]
    public void What_is_not_tuned_where_others_are_is_a_warning()
    {
        using var bench = Make();
        Tune(bench, Study);
        var warning = Assert.Single(StudyValidators.Check(Planner(bench).Plan(bench.Read(Study.Replace("    tuned: rag\n", "", StringComparison.Ordinal)))), w => w.Contains("tuned", StringComparison.Ordinal));
        Assert.EndsWith("letters.yaml:21: 'rag' is not tuned, and others are: the report will say so; expected tuned: FAMILY", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_that_diverges_has_lost()
    {
        using var bench = Make();
        var chosen = Tune(bench, Study.Replace("learning_rate: [1e-3, 1e-2, 1e-1]", "mishap: [diverges, nothing, throws]", StringComparison.Ordinal));
        Assert.Equal(("nothing", 2), (JsonNode.Parse(chosen[1].Settings)!["mishap"]!.GetValue<string>(), chosen[1].Failed));
    }

    [Fact]
    public void A_study_without_anything_to_tune_says_so()
    {
        using var bench = Make();
        Assert.Equal("letters.yaml:1: there is nothing to tune; expected tune: { families: [...] }", bench.Error(() => Planner(bench).PlanTuning(bench.Read(Bench.Complete))));
    }

    [Fact]
    public void The_mean_weighs_kinds_alike_and_looks_at_a_kinds_own_metric()
    {
        ProbeRecord Row(string user, string kind, string metric, double score) => new() { Key = "k", UserId = user, ProbeId = "p", Kind = kind, Metric = metric, Score = score };
        ProbeRecord[] probes =
        [
            Row("a", "recall", Metric.ExactMatch, 1), Row("a", "recall", Metric.ExactMatch, 0), Row("a", "recall", Metric.Choice, 1), Row("a", "style", Metric.Style, 1),
            Row("b", "recall", Metric.ExactMatch, 0), Row("b", "style", Metric.Style, 0.5),
        ];
        // User a: (1/2 + 1) / 2; user b: (0 + 1/2) / 2.
        Assert.Equal(StudentInterval.Mean([0.75, 0.25]), new Objective("mean").Of(probes));
        Assert.Equal(0.25, new Objective("recall").Of(probes)!.Estimate);
        Assert.Null(new Objective("absence").Of(probes));
    }

    /// <summary>The study with its strategies' settings given, as before anything was chosen.</summary>
    private static string Untuned(string yaml) => yaml.Replace("    tuned: rag\n", "", StringComparison.Ordinal).Replace("    tuned: adapter\n", "", StringComparison.Ordinal);
}
