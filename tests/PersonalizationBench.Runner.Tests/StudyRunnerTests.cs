using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Tests.Fakes;

namespace PersonalizationBench.Runner.Tests;

public sealed class StudyRunnerTests
{
    private static string Lora(string settings) =>
        "study: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\nallow_few_seeds: true\nseeds: [1]\nstrategies:\n  - type: none\n  - type: lora\n    " + settings + "\n  - type: rag\n";

    private static List<RunRecord> Runs(Bench bench) => RecordCsv.ReadFile<RunRecord>(Path.Combine(bench.Results, ResultStore.RunsFile));

    private static List<ProbeRecord> Probes(Bench bench) => RecordCsv.ReadFile<ProbeRecord>(Path.Combine(bench.Results, ResultStore.ProbesFile));

    [Fact]
    public void Another_engine_makes_another_cell_and_the_record_says_what_measured_it()
    {
        using var bench = new Bench();
        var before = bench.Plan(Bench.Complete).Cells.Select(c => c.Key).ToHashSet();
        bench.Run(Bench.Complete);
        Assert.All(RecordCsv.ReadFile<RunRecord>(Path.Combine(bench.Results, ResultStore.RunsFile)), r =>
        {
            Assert.Equal(("fake 1.0, kernels", 3), (r.Engine, r.Threads));
            Assert.NotEqual("", r.Processor);
        });
        bench.Bases.Engine = "fake 2.0";
        Assert.DoesNotContain(bench.Plan(Bench.Complete).Cells, c => before.Contains(c.Key));
    }

    [Fact]
    public void Every_cell_becomes_a_row_in_the_order_of_the_grid_with_all_its_probes()
    {
        using var bench = new Bench();
        var outcome = bench.Run(Bench.Complete);
        Assert.Equal((17, 0), (outcome.Measured, outcome.Skipped));
        Assert.Empty(outcome.Failed);
        var runs = Runs(bench);
        Assert.Equal(bench.Plan(Bench.Complete).Cells.Select(c => c.Key), runs.Select(r => r.Key));
        Assert.All(runs, r => Assert.Equal(("ok", "letters", "tiny", "letters", 2, 6), (r.Status, r.Study, r.Base, r.Dataset, r.Users, r.Probes)));
        // An exact-match probe with choices gives four records: two more ways to look at what was said, and the choice.
        Assert.All(runs, r => Assert.Equal(12, Probes(bench).Count(p => p.Key == r.Key)));
        Assert.Equal(["tiny"], bench.Bases.Loaded);
        Assert.Equal(0, bench.Bases.Alive);
    }

    [Fact]
    public void Measures_are_those_of_their_phase()
    {
        using var bench = new Bench();
        bench.Run(Bench.Complete);
        var lora = Runs(bench).First(r => r.Strategy == "lora");
        Assert.Equal((3.0, 1e6, 100L, 64L, 256L), (lora.AdaptSeconds, lora.AdaptFlops, lora.TrainedTokens, lora.TrainableParameters, lora.StoredBytesPerUser));
        // Six questions at once; the latency pass, one at a time, is not in it.
        Assert.Equal(0.6, lora.AnswerSeconds!.Value, 1e-9);
        Assert.Equal(10.0, lora.FlopsPerProbe);
        // Prompts of 5, 6 and 0 letters; of the two that all begin with, read at 4 FLOPs, each user's are read once.
        Assert.Equal((11 / 3.0, 1.0, (11 / 3.0) - 2), (lora.PromptTokensPerProbe, lora.PromptTokensOncePerUser, lora.PromptTokensPerQuery));
        Assert.Equal((2.0, 6.0, 1100 / 3.0), (lora.FlopsOncePerUser, lora.FlopsPerQuery, lora.KvBytesPerSequence));
        Assert.Equal((2.0, 3.0), (Math.Round(lora.HeldOutBitsPerByteBefore!.Value, 9), Math.Round(lora.HeldOutBitsPerByteAfter!.Value, 9)));
        Assert.Equal(0.0, lora.EvidenceRecall);
        Assert.Equal((0.0, 1.0), (lora.ContextShare, Runs(bench).First(r => r.Strategy == "rag").ContextShare));
        // Of the two probes with evidence, the first document answers one.
        Assert.Equal(0.5, Runs(bench).First(r => r.Strategy == "rag").EvidenceRecall);
    }

    [Fact]
    public void Latency_is_from_a_questions_arrival_over_as_many_questions_as_the_study_says_and_of_the_first_seed()
    {
        using var bench = new Bench();
        bench.Run(Bench.Complete);
        var (first, second) = (Runs(bench).First(r => r.Strategy == "lora"), Runs(bench).Where(r => r.Strategy == "lora").ElementAt(1));
        Assert.Equal((30, 100.0, 100.0, 100.0), (first.LatencyProbes, first.FirstTokenMsP50, first.FirstTokenMsP50Low, first.FirstTokenMsP50High));
        Assert.Equal((5.0, 100.0), (first.PerTokenMsP50, first.AnswerMsP50));
        // Thirty questions say nothing of one in twenty.
        Assert.Null(first.FirstTokenMsP95);
        Assert.Null(first.PerTokenMsP99);
        Assert.Null(second.LatencyProbes);
        bench.Run(Bench.Complete.Replace("bases:", "latency_probes: 120\nbases:", StringComparison.Ordinal));
        Assert.Equal((120, 100.0), (Runs(bench).First(r => r.Strategy == "lora").LatencyProbes, Runs(bench).First(r => r.Strategy == "lora").FirstTokenMsP95));
    }

    [Fact]
    public void Arms_take_turns_in_both_orders_after_warming_up()
    {
        using var bench = new Bench();
        bench.Run("study: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\nlatency_probes: 12\nstrategies: [{ type: none }, { type: rag }]\n");
        var alone = bench.Strategies.AskedBy.SkipWhile(a => a.Batch > 1).Where(a => a.Batch == 1).Select(a => a.Type).ToList();
        string[] block(string type) => [.. Enumerable.Repeat(type, 7)];
        Assert.Equal([.. Enumerable.Repeat("none", 5), .. Enumerable.Repeat("rag", 5), .. block("none"), .. block("rag"), .. block("rag"), .. block("none")], alone);
    }

    [Fact]
    public void Costs_that_are_lacking_are_measured_without_measuring_cells_again()
    {
        using var bench = new Bench();
        var without = Bench.Complete.Replace("bases:", "latency_probes: 0\nbases:", StringComparison.Ordinal);
        bench.Run(without);
        Assert.All(Runs(bench), r => Assert.Null(r.LatencyProbes));
        var before = bench.Text("probes.csv");
        Assert.Equal((0, 17), (bench.Run(Bench.Complete) is var second ? second.Measured : -1, second.Skipped));
        Assert.Equal(7, Runs(bench).Count(r => r.LatencyProbes == 30));
        Assert.Equal(before, bench.Text("probes.csv"));
    }

    [Fact]
    public void Memory_is_measured_once_for_every_arm_in_a_process_of_its_own_and_controls_have_none()
    {
        var fresh = new FakeProcess();
        using var bench = new Bench { FreshProcess = fresh };
        bench.Run(Bench.Complete);
        Assert.Equal(["lora rank=2", "lora rank=4", "majority", "none", "rag k=1", "rag k=2"], fresh.Measured.Order(StringComparer.Ordinal).Select(l => l.Replace("r=", "rank=", StringComparison.Ordinal)));
        var runs = Runs(bench);
        Assert.Equal(6, runs.Count(r => r.MemoryUsers == 2));
        Assert.All(runs.Where(r => r.MemoryUsers is not null), r => Assert.Equal((r.Label.Length * 1000L, r.Label.Length * 10L), (r.MemoryAdaptBytes, r.MemoryAnswerBytes)));
        Assert.All(runs.Where(r => r.Control != ""), r => Assert.Null(r.MemoryUsers));
        bench.Run(Bench.Complete);
        Assert.Equal(6, fresh.Measured.Count);
        bench.Run(Bench.Complete.Replace("bases:", "memory: false\nbases:", StringComparison.Ordinal), isFresh: true);
        Assert.Equal(6, fresh.Measured.Count);
    }

    [Fact]
    public void An_arm_that_falls_over_when_its_latency_is_measured_is_a_row_that_says_so()
    {
        using var bench = new Bench();
        bench.Strategies.FailsAlone = "lora";
        var outcome = bench.Run(Lora("rank: 2"));
        Assert.Equal("it cannot be alone", Assert.Single(outcome.Failed).Result.Run.Error);
        Assert.Equal(["ok", "failed", "ok"], Runs(bench).Select(r => r.Status));
        Assert.Equal([30, null, 30], Runs(bench).Select(r => r.LatencyProbes));
    }

    [Fact]
    public void Texts_whose_likelihood_is_scored_are_timed_as_if_they_were_written()
    {
        using var bench = new Bench(d => d with { Users = [.. d.Users.Select(u => u with { Probes = [.. u.Probes.Where(p => p.Scoring == ProbeScoring.BitsPerByte)] })] });
        bench.Run("study: letters\nhypothesis: x\ndataset: { name: letters, users: 9 }\nbases: [tiny]\nstrategies: [{ type: none }]\n");
        var alone = bench.Strategies.Asked.Where(a => a.Batch == 1).Select(a => a.Question).ToList();
        Assert.Equal(5 + 30 + 5, alone.Count);
        Assert.All(alone, q => Assert.Equal((ProbeScoring.BitsPerByte, 16), (q.Scoring, q.ForcedTokens)));
        // No more users than needed are adapted anew.
        Assert.Equal(4, alone.Select(q => q.UserId).Distinct().Count());
        Assert.All(bench.Strategies.Asked.Where(a => a.Batch > 1), a => Assert.Null(a.Question.ForcedTokens));
    }

    [Fact]
    public void Only_what_can_be_spoken_is_asked_for_latency()
    {
        using var bench = new Bench();
        bench.Run("study: letters\nhypothesis: x\ndataset: { name: letters, users: 9 }\nbases: [tiny]\nlatency_probes: 3\nstrategies: [{ type: none }]\n");
        var alone = bench.Strategies.Asked.Where(a => a.Batch == 1).Select(a => a.Question).ToList();
        Assert.Equal(["u1", "u2", "u3"], alone.Select(q => q.UserId).Distinct());
        Assert.All(alone, q => Assert.Equal(ProbeScoring.ExactMatch, q.Scoring));
    }

    [Fact]
    public void Evidence_is_shown_to_the_oracle_alone()
    {
        using var bench = new Bench();
        bench.Run("study: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\nlatency_probes: 0\nstrategies: [{ type: rag }]\n");
        Assert.All(bench.Strategies.Asked, a => Assert.Empty(a.Question.EvidenceIds));
        bench.Strategies.Asked.Clear();
        bench.Run("study: letters\nhypothesis: x\ndataset: { name: letters }\nbases: [tiny]\nlatency_probes: 0\nstrategies: [{ type: oracle }]\n");
        Assert.Contains(bench.Strategies.Asked, a => a.Question.EvidenceIds.Count > 0);
        Assert.Equal(1.0, Assert.Single(Runs(bench)).EvidenceRecall);
    }

    [Fact]
    public void The_same_study_gives_the_same_rows()
    {
        using var first = new Bench();
        using var second = new Bench();
        first.Run(Bench.Complete);
        second.Run(Bench.Complete);
        Assert.Equal(first.Text("runs.csv"), second.Text("runs.csv"));
        Assert.Equal(first.Text("probes.csv"), second.Text("probes.csv"));
    }

    [Fact]
    public void A_second_run_measures_nothing_and_loads_no_base()
    {
        using var bench = new Bench();
        bench.Run(Bench.Complete);
        var (runs, probes) = (bench.Text("runs.csv"), bench.Text("probes.csv"));
        bench.Bases.Loaded.Clear();
        var outcome = bench.Run(Bench.Complete);
        Assert.Equal((0, 17), (outcome.Measured, outcome.Skipped));
        Assert.Empty(bench.Bases.Loaded);
        Assert.Equal((runs, probes), (bench.Text("runs.csv"), bench.Text("probes.csv")));
        Assert.Equal(17, bench.Run(Bench.Complete, isFresh: true).Measured);
    }

    [Theory]
    [InlineData("mishap: throws", "failed", "it does not work")]
    [InlineData("mishap: diverges", "diverged", "the loss became NaN at step 7")]
    [InlineData("mishap: runs-out-of-memory", "out-of-memory", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")]
    [InlineData("mishap: forgets-an-answer", "failed", "lora gave 5 answers to 6 questions")]
    [InlineData("mishap: scores-nothing", "diverged", "the score of probe u1/p3 is not finite")]
    public void A_cell_that_fails_is_a_row_and_the_study_goes_on(string mishap, string status, string error)
    {
        using var bench = new Bench();
        var outcome = bench.Run(Lora(mishap));
        Assert.Equal("lora seed=1", Assert.Single(outcome.Failed).Cell.Name);
        Assert.Equal(["ok", status, "ok"], Runs(bench).Select(r => r.Status));
        var failed = Runs(bench)[1];
        Assert.Equal(error, failed.Error);
        Assert.Null(failed.AdaptSeconds);
        Assert.DoesNotContain(Probes(bench), p => p.Key == failed.Key);
        // The next cell gets a base that the failed one cannot have left half changed.
        Assert.Equal(["tiny", "tiny"], bench.Bases.Loaded);

        bench.Strategies.IsBroken = false;
        Assert.Equal((1, 2), (bench.Run(Lora(mishap)).Measured, bench.Run(Lora(mishap)).Skipped - 1));
        Assert.Equal(["ok", "ok", "ok"], Runs(bench).Select(r => r.Status));
        Assert.Equal(["none", "lora", "rag"], Runs(bench).Select(r => r.Strategy));
    }

    [Theory]
    [InlineData("broken", "failed", "model.safetensors: ends before its tensors do")]
    [InlineData("huge", "out-of-memory", "model.safetensors: the weights take 17.6 GB of memory, and 2.0 GB can be had")]
    public void A_base_that_does_not_load_fails_its_own_cells_only(string name, string status, string error)
    {
        using var bench = new Bench();
        var outcome = bench.Run(Lora("rank: 2").Replace("[tiny]", $"[{name}, tiny]", StringComparison.Ordinal));
        Assert.Equal(3, outcome.Failed.Count);
        Assert.Equal([status, status, status, "ok", "ok", "ok"], Runs(bench).Select(r => r.Status));
        Assert.Equal(error, Runs(bench)[0].Error);
    }

    [Fact]
    public void Cancelling_gives_up_the_cell_in_hand_and_keeps_those_before_it()
    {
        using var bench = new Bench();
        using var source = new CancellationTokenSource();
        bench.Strategies.Cancel = source.Cancel;
        Assert.ThrowsAny<OperationCanceledException>(() => bench.Run(Lora("mishap: cancels"), cancellation: source.Token));
        Assert.Equal(["none"], Runs(bench).Select(r => r.Strategy));
        Assert.Equal(0, bench.Bases.Alive);
        bench.Strategies.IsBroken = false;
        Assert.Equal(1, bench.Run(Lora("mishap: cancels")).Skipped);
    }

    [Fact]
    public void Progress_is_a_line_for_each_cell()
    {
        using var bench = new Bench();
        using var output = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        bench.Run(Lora("mishap: throws").Replace("[1]", "[1, 2]", StringComparison.Ordinal), observer: new PlainProgress(output));
        bench.Strategies.IsBroken = false;
        bench.Run(Lora("mishap: throws").Replace("[1]", "[1, 2]", StringComparison.Ordinal), observer: new PlainProgress(output));
        Golden.Check("progress.txt", output.ToString());
    }

    [Fact]
    public void Long_times_are_shown_with_hours()
    {
        Assert.Equal("01:10", PlainProgress.Clock(TimeSpan.FromSeconds(70.4)));
        Assert.Equal("26:03:04", PlainProgress.Clock(new TimeSpan(1, 2, 3, 4)));
    }
}
