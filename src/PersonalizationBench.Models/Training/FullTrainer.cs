using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>Settings of continued pretraining for one user.</summary>
public sealed record FullTrainingOptions
{
    /// <summary>Steps; null: as many as <see cref="Epochs"/> asks for.</summary>
    public int? Steps { get; init; }

    /// <summary>Times each of the user's texts is read, where <see cref="Steps"/> is null.</summary>
    public double Epochs { get; init; } = 10;

    /// <summary>Sequences in one step, replay included.</summary>
    public int BatchSequences { get; init; } = 8;

    /// <summary>Share of the sequences that are replay (Ibrahim et al., 2024, arXiv:2403.08763); 0 for none.</summary>
    public double ReplayShare { get; init; } = 0.25;

    /// <summary>Peak of the re-warmed learning rate.</summary>
    public double LearningRate { get; init; } = 3e-4;

    public double FinalLearningRateShare { get; init; } = 0.1;

    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Cosine;

    /// <summary>Share of the steps that warm up.</summary>
    public double Warmup { get; init; } = 0.1;

    /// <summary>On matrices only.</summary>
    public double WeightDecay { get; init; } = 0.1;

    public double ClipNorm { get; init; } = 1;

    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.95;

    /// <summary>Longer texts are cut into pieces of this many tokens; null: the base's context.</summary>
    public int? MaxSequenceTokens { get; init; }

    public long Seed { get; init; }
}

/// <summary>A user's own weights in the precision of the products, ready for <see cref="LoadedBase.UseWeights"/>.</summary>
public sealed class PersonalWeights : IDisposable
{
    internal PersonalWeights(LlamaWeights weights, IReadOnlyList<double> losses) => throw new NotImplementedException();

    /// <summary>Weights that were trained.</summary>
    public long Parameters => throw new NotImplementedException();

    /// <summary>Bytes as kept in memory.</summary>
    public long Bytes => throw new NotImplementedException();

    /// <summary>The weighted mean loss of every step, in nats per token.</summary>
    public IReadOnlyList<double> Losses => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}

/// <summary>Warm-start continued pretraining: all weights, from the base, on one user's texts mixed with replay.</summary>
public static class FullTrainer
{
    /// <summary>The base itself is untouched. A loss that is not finite is a <see cref="DivergedException"/>.</summary>
    public static PersonalWeights Train(
        LoadedBase loadedBase,
        IReadOnlyList<TrainingText> texts,
        IReadOnlyList<TrainingText> replay,
        FullTrainingOptions options,
        CostMeter meter,
        CancellationToken cancellation) => throw new NotImplementedException();
}
