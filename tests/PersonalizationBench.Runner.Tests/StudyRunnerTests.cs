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
        Assert.Equal((15, 0), (outcome.Measured, outcome.Skipped));
        Assert.Empty(outcome.Failed);
        var runs = Runs(bench);
        Assert.Equal(bench.Plan(Bench.Complete).Cells.Select(c => c.Key), runs.Select(r => r.Key));
        Assert.All(runs, r => Assert.Equal(("ok", "letters", "tiny", "letters", 2, 6), (r.Status, r.Study, r.Base, r.Dataset, r.Users, r.Probes)));
        // An exact-match probe with choices gives two records.
        Assert.All(runs, r => Assert.Equal(8, Probes(bench).Count(p => p.Key == r.Key)));
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
        Assert.Equal((10.0, 600L), (lora.FlopsPerProbe, lora.KvBytes));
        Assert.Equal(20.0, lora.FirstTokenMsP50!.Value, 1e-9);
        Assert.Equal(20.0, lora.FirstTokenMsP99!.Value, 1e-9);
        Assert.Equal(5.0, lora.PerTokenMsP95!.Value, 1e-9);
        Assert.Equal((2.0, 3.0), (Math.Round(lora.HeldOutBitsPerByteBefore!.Value, 9), Math.Round(lora.HeldOutBitsPerByteAfter!.Value, 9)));
        Assert.Equal(0.0, lora.EvidenceRecall);
        // Of the two probes with evidence, the first document answers one.
        Assert.Equal(0.5, Runs(bench).First(r => r.Strategy == "rag").EvidenceRecall);
        Assert.Null(lora.PeakRssAdaptBytes);
    }

    [Fact]
    public void Only_what_can_be_spoken_is_asked_for_latency_and_at_most_as_often_as_the_study_says()
    {
        using var bench = new Bench();
        bench.Run("study: letters\nhypothesis: x\ndataset: { name: letters, users: 9 }\nbases: [tiny]\nlatency_probes: 3\nstrategies: [{ type: none }]\n");
        var alone = bench.Strategies.Asked.Where(a => a.Batch == 1).Select(a => a.Question).ToList();
        Assert.Equal(["u1", "u4", "u7"], alone.Select(q => q.UserId));
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
        Assert.Equal((0, 15), (outcome.Measured, outcome.Skipped));
        Assert.Empty(bench.Bases.Loaded);
        Assert.Equal((runs, probes), (bench.Text("runs.csv"), bench.Text("probes.csv")));
        Assert.Equal(15, bench.Run(Bench.Complete, isFresh: true).Measured);
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
