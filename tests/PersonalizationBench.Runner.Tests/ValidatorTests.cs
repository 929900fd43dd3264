using PersonalizationBench.Core;
using PersonalizationBench.Runner.Tests.Fakes;
using PersonalizationBench.Runner.Validation;

namespace PersonalizationBench.Runner.Tests;

public sealed class ValidatorTests
{
    private static string Error(string yaml, Func<Dataset, Dataset>? spoil = null)
    {
        using var bench = new Bench(spoil);
        return bench.Error(() => StudyValidators.Check(bench.Plan(yaml)));
    }

    private static string With(string from, string to)
    {
        Assert.Contains(from, Bench.Complete, StringComparison.Ordinal);
        return Bench.Complete.Replace(from, to, StringComparison.Ordinal);
    }

    [Fact]
    public void A_complete_study_has_no_problems()
    {
        using var bench = new Bench();
        Assert.Empty(StudyValidators.Check(bench.Plan(Bench.Complete)));
    }

    [Fact]
    public void A_rank_above_the_smallest_dimension_is_refused() =>
        Assert.Equal("letters.yaml:11: lora r=16 on tiny: rank 16 is above the smallest dimension 8", Error(With("[2, 4]", "[2, 16]")));

    [Fact]
    public void A_cell_stands_once() =>
        Assert.Equal("letters.yaml:9: 'rag k=2' on tiny stands 2 times in the grid; first at line 9", Error(With("[1, 2]", "[2, 2]")));

    [Fact]
    public void What_is_trained_needs_five_seeds() =>
        Assert.Equal("letters.yaml:6: seeds: 3 of them, and 'lora r=2' is trained; expected at least 5, or allow_few_seeds: true", Error(With("strategies:", "seeds: [1, 2, 3]\nstrategies:")));

    [Fact]
    public void Few_seeds_that_are_allowed_are_a_warning()
    {
        using var bench = new Bench();
        var warnings = StudyValidators.Check(bench.Plan(With("strategies:", "allow_few_seeds: true\nseeds: [1, 2, 2, 2, 2]\nstrategies:").Replace("  - type: lora\n    rank: [2, 4]\n", "  - type: lora\n", StringComparison.Ordinal).Replace("[1, 2, 2, 2, 2]", "[1, 2]", StringComparison.Ordinal)));
        Assert.EndsWith("letters.yaml:7: seeds: 2 of them, and 'lora' is trained; expected at least 5", Assert.Single(warnings));
    }

    [Theory]
    [InlineData("arms: [lora r=2, rag k=3], kind: recall", "arms: unknown arm 'rag k=3'; did you mean 'rag k=1'?")]
    [InlineData("arms: [none, none], kind: recall", "arms: 'none' against itself; expected two different arms")]
    [InlineData("arms: [none, lora r=2], kind: recal", "kind: unknown kind of probe 'recal'; did you mean 'recall'?")]
    [InlineData("arms: [none, lora r=2], kind: recall, metric: exact", "metric: unknown metric of recall 'exact'; expected one of exact-match, contains, token-f1, answered, choice, choice-normalized")]
    [InlineData("arms: [none, lora r=2], kind: recall, margin: 5", "margin: 5 found; expected a share below 1, such as 0.05 for five points of percent")]
    [InlineData("arms: [none, lora r=2], kind: recall, base: tinny", "base: unknown base 'tinny'; did you mean 'tiny'?")]
    public void A_declared_contrast_names_what_the_study_has(string contrast, string message) =>
        Assert.EndsWith($"letters.yaml:16: contrasts[0].{message}", Error(Bench.Complete + $"\ncontrasts:\n  - {{ {contrast} }}\n"));

    [Fact]
    public void A_declared_contrast_stands_in_the_manifest_and_changes_no_cell()
    {
        using var bench = new Bench();
        var plain = bench.Plan(Bench.Complete).Cells.Select(c => c.Key).ToList();
        var plan = bench.Plan(Bench.Complete + "\ncontrasts:\n  - { arms: [rag (wrong-user), lora r=2], kind: preference, margin: 0.05 }\n".Replace("rag (wrong-user)", "rag k=1 (wrong-user)"));
        Assert.Empty(StudyValidators.Check(plan));
        Assert.Equal(plain, plan.Cells.Select(c => c.Key));
    }

    [Fact]
    public void An_accepted_answer_as_long_as_the_longest_read_is_refused() =>
        Assert.Equal("letters.yaml:4: dataset letters: answers are read to 10 characters, and accepted ones are as long or longer: 'gold of u1', 'gold of u2'", Error(Bench.Complete, d => d with { MaxAnswerCharacters = 10 }));

    [Fact]
    public void An_answer_that_a_tokenizer_cannot_say_is_a_warning()
    {
        using var bench = new Bench(d => d with { Users = [.. d.Users.Select(u => u with { Probes = [u.Probes[0] with { Accepted = [u.Probes[0].Gold, "caf\u00e9"] }, .. u.Probes.Skip(1)] })] });
        Assert.EndsWith("letters.yaml:5: base tiny: its tokenizer cannot say 1 of the accepted answers of letters: 'caf\u00e9'", Assert.Single(StudyValidators.Check(bench.Plan(Bench.Complete))));
    }

    [Fact]
    public void Missing_controls_are_named() =>
        Assert.Equal(
            """
            letters.yaml:6: strategies: the control 'type: none' is missing; add it, or give the reason as controls: { waived: ... }
            letters.yaml:6: strategies: the control 'type: majority' is missing; add it, or give the reason as controls: { waived: ... }
            letters.yaml:6: strategies: the control 'control: wrong-user' (of any strategy) is missing; add it, or give the reason as controls: { waived: ... }
            """,
            Error("# A study.\nstudy: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\nstrategies: [{ type: rag }]\n"));

    [Fact]
    public void Controls_are_waived_with_a_reason()
    {
        using var bench = new Bench();
        Assert.Empty(StudyValidators.Check(bench.Plan("study: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\ncontrols: { waived: A smoke test. }\nstrategies: [{ type: rag }]\n")));
        Assert.Contains("controls.waived: expected the reason", bench.Error(() => bench.Plan("study: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\ncontrols: { waived: '' }\nstrategies: [{ type: rag }]\n")), StringComparison.Ordinal);
    }

    [Fact]
    public void No_majority_is_asked_for_where_nothing_is_answered() =>
        Assert.DoesNotContain("majority", Error(With("  - type: none\n", "").Replace("  - type: majority\n", "", StringComparison.Ordinal), d => WithProbes(d, p => p.Scoring == ProbeScoring.BitsPerByte)), StringComparison.Ordinal);

    public static TheoryData<string, string> Spoilt => new()
    {
        { "same-id", "users are also tuning users, by id: u1" },
        { "same-name", "users are also tuning users, by name: ann 2" },
        { "no-users", "there are no users\nletters.yaml:4: dataset letters: there are no probes" },
        { "no-probes", "there are no probes" },
        { "twice", "user ids that stand twice: u1" },
        { "lost-evidence", "user u1: probes whose evidence is not in the history: p1\nletters.yaml:4: dataset letters: user u2: probes whose evidence is not in the history: p1" },
        { "wrong-choices", "user u1: probes whose choices lack an accepted answer: p2" },
        { "leaked", "user u1: texts to be scored that stand in the history: p3" },
        { "replayed", "1 held-out texts are among the replay texts" },
    };

    [Theory]
    [MemberData(nameof(Spoilt))]
    public void A_dataset_that_would_make_results_worthless_is_refused(string how, string problem) =>
        Assert.Equal($"letters.yaml:4: dataset letters: {problem}", Error(Bench.Complete, d => Spoil(d, how)));

    private static Dataset Spoil(Dataset dataset, string how)
    {
        var first = dataset.Users[0];
        Dataset First(User changed) => dataset with { Users = [changed, .. dataset.Users.Skip(1)] };
        return how switch
        {
            "same-id" => dataset with { TuningUsers = [FakeDatasets.Person("u1", "Zoe")] },
            "same-name" => dataset with { TuningUsers = [FakeDatasets.Person("t1", "ANN 2")] },
            "no-users" => dataset with { Users = [] },
            "no-probes" => WithProbes(dataset, _ => false),
            "twice" => dataset with { Users = [first, first] },
            "lost-evidence" => dataset with { Users = [.. dataset.Users.Select(u => u with { History = [.. u.History.Skip(1)] })] },
            "wrong-choices" => First(first with { Probes = [first.Probes[0], first.Probes[1] with { Choices = [] }, first.Probes[2]] }),
            "leaked" => First(first with { History = [.. first.History, new Document("d3", null, "note", "ANN 1  wrote\nmore, later.")] }),
            "replayed" => dataset with { ReplayTexts = ["Some general  text"] },
            _ => throw new ArgumentException(how),
        };
    }

    private static Dataset WithProbes(Dataset dataset, Func<Probe, bool> isKept) =>
        dataset with { Users = [.. dataset.Users.Select(u => u with { Probes = [.. u.Probes.Where(isKept)] })] };
}
