using PersonalizationBench.Core;
using PersonalizationBench.Tests;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Models.Tests;

public sealed class PretrainerTests
{
    private static readonly WordTokenizer Tokenizer = new(["\n", .. Enumerable.Range(0, 40).Select(i => $"w{i}")]);

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void A_run_that_was_cut_off_gives_the_bytes_of_one_that_was_not(Precision precision)
    {
        using var folder = new TemporaryFolder();
        var config = Config(precision);
        var whole = Run(config, folder.File("whole"));
        var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Run(config, folder.File("cut"), new PretrainHooks { Evaluate = (_, at) => Cancel(stop, at) }, stop.Token));
        Assert.False(File.Exists(Path.Combine(folder.File("cut"), "model.safetensors")));
        var cut = Run(config, folder.File("cut"));
        Assert.Equal((whole.Steps, whole.Tokens, whole.FinalLoss, whole.HeldOutLoss), (cut.Steps, cut.Tokens, cut.FinalLoss, cut.HeldOutLoss));
        Assert.Equal(File.ReadAllBytes(folder.File("whole/model.safetensors")), File.ReadAllBytes(folder.File("cut/model.safetensors")));
        Assert.False(File.Exists(folder.File("cut/checkpoint.safetensors")));

        static bool Cancel(CancellationTokenSource stop, PretrainProgress at)
        {
            if (at.Step == 20) stop.Cancel();
            return false;
        }
    }

    [Fact]
    public void The_result_is_a_base_that_has_learned()
    {
        using var folder = new TemporaryFolder();
        var lines = new List<string>();
        var result = Run(Config(Precision.Float32), folder.File("bases/small"), new PretrainHooks { Log = lines.Add });
        Assert.True(result.HeldOutLoss < 2.5, $"held-out loss {result.HeldOutLoss} of ln 299 = 5.7");
        Assert.Contains(lines, l => l.Contains("tokens/s", StringComparison.Ordinal));

        var catalog = new BaseCatalog(folder.File("bases"), null);
        Assert.Contains("small", catalog.Names);
        using var loaded = catalog.Load("small", Precision.Float32, "cpu");
        Assert.Equal(catalog.Describe("small").Digest, loaded.Info.Digest);
        Assert.Equal(Config(Precision.Float32).Model, loaded.Config);
        var prompt = TextEncoding.Prompt(loaded.Tokenizer, "w1 w2 w3");
        var next = loaded.Generate([new GenerationRequest(prompt, 3)], CostMeter.Unread(), default)[0].Tokens;
        Assert.Equal("w4 w5 w6", loaded.Tokenizer.Decode(next));
        Assert.Contains("\"held_out_loss\"", File.ReadAllText(folder.File("bases/small/provenance.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void An_evaluation_can_end_a_stage()
    {
        using var folder = new TemporaryFolder();
        var result = Run(Config(Precision.Float32), folder.File("x"), new PretrainHooks { Evaluate = (loaded, at) => at.Stage.Name == "first" && loaded.Score([new ScoreRequest([0], [3])], CostMeter.Unread(), default).Count == 1 });
        Assert.Equal(10 + 40, result.Steps);
    }

    [Fact]
    public void A_checkpoint_of_another_run_is_refused()
    {
        using var folder = new TemporaryFolder();
        var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Run(Config(Precision.Float32), folder.File("x"), new PretrainHooks { Evaluate = (_, _) => { stop.Cancel(); return false; } }, stop.Token));
        var error = Assert.Throws<PbenchException>(() => Run(Config(Precision.Float32) with { Beta2 = 0.9 }, folder.File("x")));
        Assert.Contains("another configuration", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Divergence_and_a_corpus_that_ends_are_errors()
    {
        using var folder = new TemporaryFolder();
        var config = Config(Precision.Float32);
        var wild = config with { ClipNorm = 0, Stages = [config.Stages[0] with { LearningRate = 1e30, WarmupSteps = 0 }] };
        Assert.Contains("stage first", Assert.Throws<DivergedException>(() => Run(wild, folder.File("x"))).Message, StringComparison.Ordinal);
        var error = Assert.Throws<PbenchException>(() => Pretrainer.Run(config, _ => new Counting(finite: true), Tokenizer, Save, folder.File("y"), new PretrainHooks(), default));
        Assert.Contains("endless", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_learning_rate_warms_up_and_goes_where_it_should()
    {
        Assert.Equal([0.5, 1, 1, 1], Enumerable.Range(0, 4).Select(new LearningRate(1, 0, 2, 4, LearningRateSchedule.Constant).At));
        Assert.Equal([1, 0.75, 0.5, 0.25, 0], Enumerable.Range(0, 5).Select(new LearningRate(1, 0, 0, 5, LearningRateSchedule.Linear).At));
        Assert.Equal([1, 0.55, 0.1], Enumerable.Range(0, 3).Select(s => Math.Round(new LearningRate(1, 0.1, 0, 3, LearningRateSchedule.Cosine).At(s), 12)));
    }

    private static PretrainResult Run(PretrainConfig config, string folder, PretrainHooks? hooks = null, CancellationToken cancellation = default) =>
        Pretrainer.Run(config, _ => new Counting(finite: false), Tokenizer, Save, folder, hooks ?? new PretrainHooks(), cancellation);

    private static void Save(string folder) => Tokenizer.Save(Path.Combine(folder, "tokenizer.json"));

    private static PretrainConfig Config(Precision precision) => new()
    {
        Name = "tiny",
        Model = new DecoderConfig(Tokenizer.VocabularySize, 32, 2, 4, 2, 48, 32),
        Precision = precision,
        Seed = 3,
        CheckpointEvery = 15,
        EvaluateEvery = 10,
        LogEvery = 25,
        Stages =
        [
            new PretrainStage { Name = "first", Steps = 60, BatchSequences = 8, LearningRate = 2e-2, WarmupSteps = 10 },
            new PretrainStage { Name = "second", Steps = 40, BatchTokens = 100, LearningRate = 1e-2, FinalLearningRate = 1e-3, Schedule = LearningRateSchedule.Cosine },
        ],
    };

    /// <summary>Counts upwards from anywhere.</summary>
    private sealed class Counting(bool finite) : ITrainingCorpus
    {
        public string Digest => "counting";

        public IReadOnlyList<TrainingText> HeldOut => [.. Endless(-1).Take(10)];

        public IEnumerable<TrainingText> Stream(long seed) => finite ? Endless(seed).Take(20) : Endless(seed);

        private static IEnumerable<TrainingText> Endless(long seed)
        {
            var random = new DeterministicRandom(seed);
            while (true)
            {
                var start = random.Next(40);
                yield return new TrainingText([new TextSegment($"w{start}", 0.1f), new TextSegment(string.Join(' ', Enumerable.Range(start + 1, random.Next(2, 12)).Select(i => $"w{i % 40}")), 1)]);
            }
        }
    }
}
