using PersonalizationBench.Core;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models.Tests;

public sealed class FullTrainerTests
{
    private static readonly FullTrainingOptions Options = new() { Steps = 30, BatchSequences = 4, LearningRate = 5e-3, Seed = 1 };

    [Fact]
    public void A_user_has_own_weights_and_the_base_stays_as_it_is()
    {
        using var loaded = TinyModels.Load(gain: 3);
        var texts = TinyModels.Texts(loaded.Config.VocabularySize, 4, 50);
        var replay = TinyModels.Texts(loaded.Config.VocabularySize, 4, 51);
        var sequence = TextEncoding.Sequences(loaded.Tokenizer, texts[0], 40).First().Ids;
        ScoreRequest[] request = [new ScoreRequest(sequence[..^4], sequence[^4..])];
        var before = loaded.Score(request, CostMeter.Unread(), default)[0];

        using var personal = FullTrainer.Train(loaded, texts, replay, Options, CostMeter.Unread(), default);
        Assert.True(personal.Losses[^1] < 0.5 * personal.Losses[0]);
        Assert.Equal(loaded.Config.Parameters, personal.Parameters);
        Assert.Equal(before, loaded.Score(request, CostMeter.Unread(), default)[0]);
        using (loaded.UseWeights(personal)) Assert.True(loaded.Score(request, CostMeter.Unread(), default)[0] > before + 1);
        Assert.Equal(before, loaded.Score(request, CostMeter.Unread(), default)[0]);
    }

    [Fact]
    public void One_seed_gives_one_model()
    {
        using var loaded = TinyModels.Load(gain: 3);
        var texts = TinyModels.Texts(loaded.Config.VocabularySize, 4, 50);
        using var first = FullTrainer.Train(loaded, texts, texts, Options, CostMeter.Unread(), default);
        using var second = FullTrainer.Train(loaded, texts, texts, Options, CostMeter.Unread(), default);
        Assert.All(first.Weights.Export().Zip(second.Weights.Export()), p => Assert.True(p.First.Bytes.Span.SequenceEqual(p.Second.Bytes.Span)));
    }

    [Fact]
    public void Divergence_is_an_error_and_replay_must_be_there()
    {
        using var loaded = TinyModels.Load(gain: 3);
        var texts = TinyModels.Texts(loaded.Config.VocabularySize, 4, 50);
        Assert.Throws<DivergedException>(() => FullTrainer.Train(loaded, texts, texts, Options with { LearningRate = 1e30, ClipNorm = 0, Warmup = 0 }, CostMeter.Unread(), default));
        Assert.Contains("replay", Assert.Throws<PbenchException>(() => FullTrainer.Train(loaded, texts, [], Options, CostMeter.Unread(), default)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_native_is_left_behind()
    {
        using var loaded = TinyModels.Load(precision: Precision.BFloat16);
        var texts = TinyModels.Texts(loaded.Config.VocabularySize, 2, 50);
        Run();
        var before = TinyModels.LiveTensors();
        Run();
        Assert.Equal(before, Engine.LiveTensors);

        void Run()
        {
            using var personal = FullTrainer.Train(loaded, texts, texts, Options with { Steps = 2 }, CostMeter.Unread(), default);
        }
    }
}
