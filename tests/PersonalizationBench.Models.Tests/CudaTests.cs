using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using TorchSharp;

namespace PersonalizationBench.Models.Tests;

/// <summary>A fact about a CUDA device; skipped by name where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CudaFactAttribute : FactAttribute
{
    public CudaFactAttribute()
    {
        if (!torch.cuda.is_available()) Skip = "not measured: this machine, or its libtorch, has no CUDA device";
    }
}

/// <summary>The same on a GPU as on the CPU, in f32 up to the order of sums.</summary>
public sealed class CudaTests
{
    private const double Tolerance = 1e-3;

    private static readonly LoraOptions Lora = new() { Rank = 2, Alpha = 4 };

    private static readonly DecoderConfig StateSpace = new(61, 32, 2, 0, 0, 0, 40) { ModelType = "mamba2", StateSpace = new StateSpaceShape(Heads: 4, HeadDimension: 16, StateSize: 8) };

    [CudaFact]
    public void A_transformer_scores_and_answers_alike() => AnswersAlike(TinyModels.Grouped);

    [CudaFact]
    public void A_mamba2_scores_and_answers_alike() => AnswersAlike(StateSpace);

    [CudaFact]
    public void Adapters_train_alike()
    {
        var (here, there) = (Train("cpu"), Train("cuda"));
        Assert.All(here.Zip(there), p => Assert.Equal(p.First, p.Second, Tolerance));

        static List<double> Train(string device)
        {
            using var loaded = TinyModels.Load(gain: 3, device: device);
            using var bank = new AdapterBank(loaded.Config, 3, Lora, device);
            List<SlotCorpus> corpora = [.. Enumerable.Range(0, 3).Select(s => new SlotCorpus(s, TinyModels.Texts(loaded.Config.VocabularySize, 4, s)))];
            for (var slot = 0; slot < 3; slot++) bank.Initialise(slot, slot);
            var options = new AdapterTrainingOptions { Steps = 12, BatchSequences = 3, LearningRate = 5e-3, Seed = 4 };
            return [.. AdapterTrainer.Train(loaded, bank, corpora, options, CostMeter.Unread(), default).SelectMany(t => t.Losses)];
        }
    }

    [CudaFact]
    public void All_weights_train_alike()
    {
        var (here, there) = (Train("cpu"), Train("cuda"));
        Assert.All(here.Zip(there), p => Assert.Equal(p.First, p.Second, Tolerance));

        static IReadOnlyList<double> Train(string device)
        {
            using var loaded = TinyModels.Load(gain: 3, device: device);
            var texts = TinyModels.Texts(loaded.Config.VocabularySize, 6, 1);
            using var weights = FullTrainer.Train(loaded, texts, texts, new FullTrainingOptions { Steps = 10, BatchSequences = 4, LearningRate = 1e-3, Seed = 1 }, CostMeter.Unread(), default);
            return weights.Losses;
        }
    }

    private static void AnswersAlike(DecoderConfig config)
    {
        using var here = TinyModels.Load(config);
        using var there = TinyModels.Load(config, device: "cuda");
        var random = new DeterministicRandom(3);
        var prompts = Enumerable.Range(3, 6).Select(length => TinyModels.Tokens(config, length, random)).ToList();
        Assert.Equal(Generated(here), Generated(there));
        Assert.All(Scored(here).Zip(Scored(there)), p => Assert.Equal(p.First, p.Second, Tolerance));

        List<int[]> Generated(LoadedBase model) => [.. model.Generate([.. prompts.Select(p => new GenerationRequest(p, 12))], CostMeter.Unread(), default).Select(g => g.Tokens)];
        IReadOnlyList<double> Scored(LoadedBase model) => model.Score([.. prompts.Select(p => new ScoreRequest(p, [5, 7, 9]))], CostMeter.Unread(), default);
    }
}
