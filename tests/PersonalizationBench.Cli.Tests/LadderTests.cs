using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Pretraining;
using PersonalizationBench.Reporting.Ladders;

namespace PersonalizationBench.Cli.Tests;

public sealed class LadderTests : IDisposable
{
    private const string Small = """
        ladder: small
        sweep: { scales: [0.5, 2], steps: 2, rungs: [a, c] }
        precision: float32
        device: cpu
        evaluate: { every: 2, questions: 4, log_every: 1 }
        corpus: { max_documents: 2, questions: 2, statement_forms: 1 }
        stages:
          - { name: narrow, steps: 3, batch: 1, learning_rate: 1e-3, final_learning_rate: 5e-4, schedule: linear }
          - { name: wide, steps: 1, batch_tokens: 100, learning_rate: 1e-3, corpus: { statement_forms: 2 } }
        rungs:
          - { base: a, model: { dimension: 8, layers: 1, heads: 1, hidden: 16, context: 512 } }
          - { base: b, model: { dimension: 16, layers: 1, heads: 2, hidden: 32, context: 512 }, learning_rate_scale: 2 }
          - { base: c, model: { dimension: 24, layers: 1, heads: 2, hidden: 32, context: 512 } }
        """;

    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    private string File(string text = Small) => _desk.Write("small.yaml", text);

    private string Base(string name) => Path.Combine(_desk.Folder, "datasets", "bases", name);

    [Fact]
    public async Task Rungs_that_are_there_are_not_trained_again()
    {
        Assert.Equal(0, await _desk.Run("pretrain", File(), "--only", "b"));
        Assert.False(Directory.Exists(Base("a")));
        var before = Digest.OfFile(Path.Combine(Base("b"), "provenance.json"));
        System.IO.File.SetLastWriteTimeUtc(Path.Combine(Base("b"), "model.safetensors"), DateTime.UnixEpoch);

        Assert.Equal(0, await _desk.Run("pretrain", File()));
        Assert.Contains("b: is there, ", _desk.Output, StringComparison.Ordinal);
        Assert.Equal(DateTime.UnixEpoch, System.IO.File.GetLastWriteTimeUtc(Path.Combine(Base("b"), "model.safetensors")));
        Assert.Equal(before, Digest.OfFile(Path.Combine(Base("b"), "provenance.json")));
        Assert.True(System.IO.File.Exists(Path.Combine(Base("c"), "model.safetensors")));
    }

    [Fact]
    public async Task A_base_of_other_settings_is_not_taken_for_the_rung()
    {
        Assert.Equal(0, await _desk.Run("pretrain", File(), "--only", "a"));
        Assert.Equal(0, await _desk.Run("pretrain", File(Small.Replace("log_every: 1", "log_every: 2", StringComparison.Ordinal)), "--only", "a"));
        Assert.Equal(2, await _desk.Run("pretrain", File(Small.Replace("steps: 3", "steps: 4", StringComparison.Ordinal)), "--only", "a"));
        Assert.Contains("provenance.json: this base was trained with another configuration; delete its folder to train it anew", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sweep_is_kept_and_goes_on_where_it_was()
    {
        Assert.Equal(0, await _desk.Run("ladder", "sweep", File()));
        var path = Path.Combine(_desk.Folder, "results", "ladder", "sweep-small.csv");
        var rows = RecordCsv.ReadFile<SweepRecord>(path);
        Assert.Equal([("a", 0.5), ("a", 2), ("c", 0.5), ("c", 2)], rows.Select(r => (r.Base, r.Scale)));
        Assert.All(rows, r => Assert.Equal((2, 1e-3 * r.Scale, true), (r.Steps, r.LearningRate, r.HeldOutLoss > 0)));
        Assert.NotEqual(rows[0].HeldOutLoss, rows[1].HeldOutLoss);
        Assert.False(Directory.Exists(Base("a")));

        // A loss that no run would give shows that the row was kept; the one taken out is measured again, alike.
        RecordCsv.WriteFile(path, [rows[0] with { HeldOutLoss = 1e-9 }, rows[1], rows[2]]);
        Assert.Equal(0, await _desk.Run("ladder", "sweep", File()));
        Assert.Equal([1e-9, rows[1].HeldOutLoss, rows[2].HeldOutLoss, rows[3].HeldOutLoss], RecordCsv.ReadFile<SweepRecord>(path).Select(r => r.HeldOutLoss));
        Assert.Contains("a: lowest at learning_rate_scale 0.5; the ladder has 1", _desk.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sweep_loses_nothing_that_was_measured_before()
    {
        var path = Path.Combine(_desk.Folder, "results", "ladder", "sweep-small.csv");
        SweepRecord Row(string name, double scale, int steps) =>
            new() { Ladder = "small", Base = name, Parameters = 1, Scale = scale, LearningRate = 1e-3 * scale, Steps = steps, Tokens = 1, HeldOutLoss = 1e-9 };
        RecordCsv.WriteFile(path, [Row("a", 4, 2), Row("a", 2, 3), Row("c", 0.5, 2)]);
        Assert.Equal(0, await _desk.Run("ladder", "sweep", File()));
        // Of another factor it stays, of a run of other length it does not.
        Assert.Equal([("a", 0.5, 2), ("a", 2, 2), ("a", 4, 2), ("c", 0.5, 2), ("c", 2, 2)], RecordCsv.ReadFile<SweepRecord>(path).Select(r => (r.Base, r.Scale, r.Steps)));
        Assert.Equal(1e-9, RecordCsv.ReadFile<SweepRecord>(path).Single(r => r is { Base: "c", Scale: 0.5 }).HeldOutLoss);
    }

    [Fact]
    public async Task A_sweep_may_look_around_each_rungs_own_rate()
    {
        Assert.Equal(0, await _desk.Run("ladder", "sweep", File(Small.Replace("rungs: [a, c] }", "rungs: [a, b], around: true }", StringComparison.Ordinal))));
        var rows = RecordCsv.ReadFile<SweepRecord>(Path.Combine(_desk.Folder, "results", "ladder", "sweep-small.csv"));
        Assert.Equal([("a", 0.5), ("a", 2), ("b", 1), ("b", 4)], rows.Select(r => (r.Base, r.Scale)));
        Assert.All(rows, r => Assert.Equal(1e-3 * r.Scale, r.LearningRate, 1e-12));
    }

    [Fact]
    public async Task Trained_rungs_are_measured_and_a_law_is_laid_through_them()
    {
        Assert.Equal(0, await _desk.Run("pretrain", File()));
        Assert.Equal(0, await _desk.Run("ladder", "measure", File()));
        var folder = Path.Combine(_desk.Folder, "results", "ladder");
        var rungs = RecordCsv.ReadFile<RungRecord>(Path.Combine(folder, "ladder.csv"));
        Assert.Equal(["a", "b", "c"], rungs.Select(r => r.Base));
        // The shipped weights are in bf16, those that were measured after training in f32.
        Assert.All(rungs, r => Assert.Equal(r.RecordedLoss, r.HeldOutLoss, LadderMeasurement.LossTolerance));
        Assert.Equal(rungs.Select(r => r.Parameters - (r.Dimension * 1285L)), rungs.Select(r => r.BodyParameters));
        var fit = Assert.Single(RecordCsv.ReadFile<FitRecord>(Path.Combine(folder, "fits.csv")));
        Assert.Equal((3, "world", "transformer"), (fit.Rungs, fit.Data, fit.Architecture));
        Assert.Equal(3, RecordCsv.ReadFile<ExamRecord>(Path.Combine(folder, "exams.csv")).Count(e => e.Exam == "facts in prompt"));
        foreach (var name in (string[])["README.md", "manifest.json", "figures/loss-by-size.svg", "figures/recall-by-size.svg"])
            Assert.True(System.IO.File.Exists(Path.Combine(folder, name)), name);
    }

    [Fact]
    public async Task A_base_that_does_not_reproduce_its_loss_is_told()
    {
        Assert.Equal(0, await _desk.Run("pretrain", File(), "--only", "a"));
        var path = Path.Combine(Base("a"), "provenance.json");
        var provenance = System.Text.Json.Nodes.JsonNode.Parse(System.IO.File.ReadAllText(path))!;
        provenance["held_out_loss"] = 1.5;
        System.IO.File.WriteAllText(path, provenance.ToJsonString());
        Assert.Equal(1, await _desk.Run("ladder", "measure", File()));
        Assert.Contains("but its provenance says 1.5000", _desk.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rungs_that_are_not_trained_are_named()
    {
        Assert.Equal(0, await _desk.Run("pretrain", File(), "--only", "a"));
        Assert.Equal(0, await _desk.Run("ladder", "measure", File()));
        Assert.Contains("small.yaml --only b", _desk.Output, StringComparison.Ordinal);
        Assert.Single(RecordCsv.ReadFile<RungRecord>(Path.Combine(_desk.Folder, "results", "ladder", "ladder.csv")));
    }

    [Theory]
    [InlineData("ladder: small", "ladder: smal", "small.yaml:1: ladder: the ladder is called 'smal' and the file 'small'; expected one name")]
    [InlineData("base: b,", "base: a,", "small.yaml:10: rungs: two are called 'a'")]
    [InlineData("base: b, model", "base: b, modle", "small.yaml:12: unknown key 'modle' in rungs[1]; did you mean 'model'?")]
    [InlineData("scales: [0.5, 2]", "scales: [2]", "small.yaml:2: sweep.scales: expected at least two factors to choose from")]
    [InlineData("sweep: { scales", "sweep: { scale", "small.yaml:2: unknown key 'scale' in sweep; did you mean 'scales'?")]
    public async Task What_is_wrong_is_told_with_its_place(string right, string wrong, string message)
    {
        Assert.Equal(2, await _desk.Run("pretrain", File(Small.Replace(right, wrong, StringComparison.Ordinal))));
        Assert.Equal($"pbench: {message}\n", _desk.Error);
    }

    [Fact]
    public async Task What_is_not_there_is_refused_by_name()
    {
        Assert.Equal(2, await _desk.Run("pretrain", File(), "--only", "d"));
        Assert.Contains("small.yaml: there is no rung 'd'; expected one of a, b, c", _desk.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _desk.Run("ladder", "sweep", File(Small.Replace("sweep: { scales: [0.5, 2], steps: 2, rungs: [a, c] }\n", "", StringComparison.Ordinal))));
        Assert.Contains("small.yaml: sweep: missing; there is nothing to choose between", _desk.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _desk.Run("ladder", "measure", _desk.Write("plain.yaml", "base: plain\n")));
        Assert.Contains("plain.yaml:1: ladder: missing", _desk.Error, StringComparison.Ordinal);
    }
}
