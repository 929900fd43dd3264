using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

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
    internal PersonalWeights(DecoderWeights weights, IReadOnlyList<double> losses) => (Weights, Losses) = (weights, losses);

    internal DecoderWeights Weights { get; }

    /// <summary>Weights that were trained.</summary>
    public long Parameters => Weights.Config.Parameters;

    /// <summary>Bytes as kept in memory.</summary>
    public long Bytes => Weights.Bytes;

    /// <summary>The weighted mean loss of every step, in nats per token.</summary>
    public IReadOnlyList<double> Losses { get; }

    public void Dispose() => Weights.Dispose();
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
        CancellationToken cancellation)
    {
        var longest = Math.Min(options.MaxSequenceTokens ?? int.MaxValue, loadedBase.Config.ContextLength);
        var own = texts.SelectMany(t => TextEncoding.Sequences(loadedBase.Tokenizer, t, longest)).ToList();
        var general = replay.SelectMany(t => TextEncoding.Sequences(loadedBase.Tokenizer, t, longest)).ToList();
        var replayed = general.Count == 0 ? 0 : Math.Min(options.BatchSequences - 1, (int)Math.Round(options.ReplayShare * options.BatchSequences));
        if (own.Count == 0) throw new PbenchException("continued pretraining: there is no text to learn from");
        if (options.ReplayShare > 0 && general.Count == 0) throw new PbenchException("continued pretraining: replay_share is above 0 but the dataset has no replay texts");

        var steps = options.Steps ?? Math.Max(1, (int)Math.Ceiling(options.Epochs * own.Count / (options.BatchSequences - replayed)));
        var rate = new LearningRate(options.LearningRate, options.LearningRate * options.FinalLearningRateShare, (int)Math.Ceiling(options.Warmup * steps), steps, options.Schedule);
        var ownOrder = new EpochOrder(own.Count, DeterministicRandom.For(options.Seed, "own"));
        var generalOrder = general.Count == 0 ? null : new EpochOrder(general.Count, DeterministicRandom.For(options.Seed, "replay"));
        var losses = new List<double>();

        using var weights = loadedBase.Weights.Clone();
        using (var model = new WholeModel(weights, byOperators: own.Any(t => t.Soft is not null)))
        {
            var optimizer = new AdamWOptimizer(model.Tensors, 1, options.Beta1, options.Beta2, options.WeightDecay, options.ClipNorm);
            for (var step = 0; step < steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var rows = Enumerable.Range(0, options.BatchSequences).Select(i => i < replayed ? general[generalOrder!.Next()] : own[ownOrder.Next()]).ToList();
                var batch = new TrainingBatch(rows, 1);
                var (value, gradients) = model.Backward(batch, loadedBase.Rotary);
                if (!float.IsFinite(value)) throw new DivergedException($"continued pretraining: the loss is {value} at step {step + 1}");
                optimizer.Step(step + 1, rate.At(step), gradients);
                losses.Add(value);
                meter.AddTrainedTokens(batch.Tokens);
                meter.AddFlops(3 * batch.ForwardFlops(weights.Config));
            }
        }
        return new PersonalWeights(weights.Compacted(), losses);
    }
}
