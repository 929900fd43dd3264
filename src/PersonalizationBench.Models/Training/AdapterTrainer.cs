using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>What one slot of the bank learns from.</summary>
public sealed record SlotCorpus(int Slot, IReadOnlyList<TrainingText> Texts)
{
    /// <summary>Decides, with <see cref="AdapterTrainingOptions.Seed"/>, the order of this slot's texts; give each user
    /// its own (from its id), so that a result does not hang on the slot's number.</summary>
    public long Seed { get; init; }
}

/// <summary>Settings of adapter training, the same for all slots.</summary>
public sealed record AdapterTrainingOptions
{
    /// <summary>Steps per slot; null: as many as <see cref="Epochs"/> asks for.</summary>
    public int? Steps { get; init; }

    /// <summary>Times each text is read, where <see cref="Steps"/> is null.</summary>
    public double Epochs { get; init; } = 10;

    /// <summary>Sequences of one slot in one step.</summary>
    public int BatchSequences { get; init; } = 8;

    public double LearningRate { get; init; } = 1e-3;

    /// <summary>The rate of the last step as a share of the peak (linear and cosine).</summary>
    public double FinalLearningRateShare { get; init; }

    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Cosine;

    /// <summary>Share of the steps that warm up.</summary>
    public double Warmup { get; init; } = 0.05;

    public double WeightDecay { get; init; }

    /// <summary>Each slot's gradient is scaled down to this norm; 0 for no clipping.</summary>
    public double ClipNorm { get; init; } = 1;

    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.999;

    /// <summary>Longer texts are cut into pieces of this many tokens; null: the base's context.</summary>
    public int? MaxSequenceTokens { get; init; }

    /// <summary>Bound on rows x length of one forward: slots beyond it are trained in a further group.</summary>
    public int MaxTokensPerStep { get; init; } = 16384;

    public long Seed { get; init; }
}

/// <summary>What training did to one slot.</summary>
/// <param name="Losses">The weighted mean loss of every step, in nats per token.</param>
/// <param name="Tokens">Tokens through forward and backward, padding left out.</param>
public sealed record SlotTraining(int Slot, int Steps, long Tokens, IReadOnlyList<double> Losses);

/// <summary>
/// Trains the adapters of many slots in one forward and backward over the shared base. Every slot has its own loss
/// normalisation, gradient clipping and order of data, so what it learns does not hang on who else is in the batch.
/// </summary>
public static class AdapterTrainer
{
    /// <summary>Trains in place; results in the order of <paramref name="corpora"/>. A slot without texts is refused;
    /// a loss that is not finite is a <see cref="DivergedException"/> naming slot and step, and leaves the bank as it was.</summary>
    public static IReadOnlyList<SlotTraining> Train(
        LoadedBase loadedBase,
        AdapterBank bank,
        IReadOnlyList<SlotCorpus> corpora,
        AdapterTrainingOptions options,
        CostMeter meter,
        CancellationToken cancellation) => throw new NotImplementedException();
}
