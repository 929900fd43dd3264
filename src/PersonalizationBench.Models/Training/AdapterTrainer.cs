using PersonalizationBench.Kernels;
using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

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

    /// <summary>Composes a step of operators even where one call could do it (<see cref="PackedLlama"/>): for comparing the two.</summary>
    public bool ByOperators { get; init; }
}

/// <summary>What training did to one slot.</summary>
/// <param name="Losses">The weighted mean loss of every step, in nats per token.</param>
/// <param name="Tokens">Tokens through forward and backward, padding left out.</param>
public sealed record SlotTraining(int Slot, int Steps, long Tokens, IReadOnlyList<double> Losses);

/// <summary>One step of one slot.</summary>
public sealed record AdapterStepData(double LearningRate, IReadOnlyList<TokenSequence> Sequences);

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
        CancellationToken cancellation)
    {
        if (bank.Config != loadedBase.Config) throw new ArgumentException("the bank was made for a base of another shape", nameof(bank));
        if (corpora.Select(c => c.Slot).Distinct().Count() != corpora.Count) throw new PbenchException("adapter training: a slot is named twice");
        foreach (var corpus in corpora) bank.RequireSlot(corpus.Slot);
        var learners = corpora.Select(c => new SlotLearner(loadedBase, c, options)).ToList();
        // Slots that train longest come first, so that those still in training are always the first ones of a group.
        var trained = new List<AdapterGroup>();
        try
        {
            foreach (var group in Grouped([.. learners.OrderByDescending(l => l.Steps).ThenBy(l => l.Slot)], options.MaxTokensPerStep))
            {
                trained.Add(new AdapterGroup(bank, group, loadedBase.Weights.ComputeType));
                Train(loadedBase, bank, trained[^1], options, meter, cancellation);
            }
            // Only now, so that a failure leaves every slot as it was.
            foreach (var group in trained) group.WriteBack(bank);
        }
        finally
        {
            foreach (var group in trained) group.Dispose();
        }
        return [.. learners.Select(l => new SlotTraining(l.Slot, l.Steps, l.Tokens, l.Losses))];
    }

    /// <summary>What <see cref="Train"/> gives a slot to read, step by step: for holding another trainer against this one.</summary>
    public static IReadOnlyList<AdapterStepData> StepsOf(LoadedBase loadedBase, SlotCorpus corpus, AdapterTrainingOptions options)
    {
        var learner = new SlotLearner(loadedBase, corpus, options);
        return [.. Enumerable.Range(0, learner.Steps).Select(step => new AdapterStepData(learner.RateAt(step), [.. learner.NextRows()]))];
    }

    /// <summary>Slots that fit into one step together.</summary>
    internal static IEnumerable<List<SlotLearner>> Grouped(IReadOnlyList<SlotLearner> learners, int maxTokens)
    {
        var group = new List<SlotLearner>();
        foreach (var learner in learners)
        {
            var longest = Math.Max(learner.LongestRow, group.Select(l => l.LongestRow).DefaultIfEmpty().Max());
            if (group.Count > 0 && (long)(group.Count + 1) * learner.BatchSequences * longest > maxTokens)
            {
                yield return group;
                group = [];
            }
            group.Add(learner);
        }
        if (group.Count > 0) yield return group;
    }

    private static void Train(LoadedBase loadedBase, AdapterBank bank, AdapterGroup group, AdapterTrainingOptions options, CostMeter meter, CancellationToken cancellation)
    {
        var adapterFlops = FlopCount.Adapter(bank.Config, bank.Options);
        using var frozen = options.ByOperators ? null : loadedBase.Weights.TryPack();
        for (var step = 0; step < group.Learners[0].Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var active = group.Learners.Count(l => l.Steps > step);
            var view = group.View(active);
            var batch = new TrainingBatch([.. group.Learners.Take(active).SelectMany(l => l.NextRows())], active);
            var (total, losses) = batch.Losses(loadedBase.Weights, loadedBase.Rotary, new AdapterRows(bank.Config, bank.Options.Scaling, view.Pairs), frozen);
            total.backward();

            var values = losses.cpu().data<float>().ToArray();
            for (var i = 0; i < active; i++)
            {
                if (!float.IsFinite(values[i])) throw new DivergedException($"adapter training: the loss of slot {group.Learners[i].Slot} is {values[i]} at step {step + 1}");
                group.Learners[i].Record(values[i], batch.GroupTokens[i]);
            }
            // Slots of other lengths of training have other rates at the same step: one optimizer step per rate.
            foreach (var (start, count, rate) in RatesOf(group.Learners, active, step))
            {
                var slice = view.Slice(start, count);
                new AdamWOptimizer(slice, count, options.Beta1, options.Beta2, options.WeightDecay, options.ClipNorm).Step(step + 1, rate);
            }
            meter.AddTrainedTokens(batch.Tokens);
            // The base's weights get no gradient: its backward pass costs what its forward pass does.
            meter.AddFlops(2 * batch.ForwardFlops(bank.Config) + 3 * adapterFlops * batch.Tokens);
        }
    }

    /// <summary>Runs of neighbouring slots that share a learning rate at this step.</summary>
    internal static IEnumerable<(int Start, int Count, double Rate)> RatesOf(IReadOnlyList<SlotLearner> learners, int active, int step)
    {
        var start = 0;
        for (var i = 1; i <= active; i++)
        {
            if (i < active && learners[i].Steps == learners[start].Steps) continue;
            yield return (start, i - start, learners[start].RateAt(step));
            start = i;
        }
    }
}

/// <summary>One slot in training: its texts, their order, its learning rate.</summary>
internal sealed class SlotLearner
{
    private readonly List<TokenSequence> _texts;
    private readonly EpochOrder _order;
    private readonly LearningRate _rate;
    private readonly List<double> _losses = [];

    public SlotLearner(LoadedBase loadedBase, SlotCorpus corpus, AdapterTrainingOptions options)
    {
        Slot = corpus.Slot;
        var longest = Math.Min(options.MaxSequenceTokens ?? int.MaxValue, loadedBase.Config.ContextLength);
        _texts = [.. corpus.Texts.SelectMany(t => TextEncoding.Sequences(loadedBase.Tokenizer, t, longest))];
        if (_texts.Count == 0) throw new PbenchException($"adapter training: slot {Slot} has no text to learn from");
        LongestRow = _texts.Max(t => t.Ids.Length - 1);
        BatchSequences = options.BatchSequences;
        Steps = options.Steps ?? Math.Max(1, (int)Math.Ceiling(options.Epochs * _texts.Count / options.BatchSequences));
        _order = new EpochOrder(_texts.Count, DeterministicRandom.For(options.Seed, "adapter", FormattableString.Invariant($"{corpus.Seed}")));
        _rate = new LearningRate(options.LearningRate, options.LearningRate * options.FinalLearningRateShare, (int)Math.Ceiling(options.Warmup * Steps), Steps, options.Schedule);
    }

    public int Slot { get; }

    public int Steps { get; }

    public int BatchSequences { get; }

    public int LongestRow { get; }

    public long Tokens { get; private set; }

    public IReadOnlyList<double> Losses => _losses;

    public double RateAt(int step) => _rate.At(step);

    public IEnumerable<TokenSequence> NextRows()
    {
        for (var i = 0; i < BatchSequences; i++) yield return _texts[_order.Next()];
    }

    public void Record(double loss, long tokens)
    {
        _losses.Add(loss);
        Tokens += tokens;
    }
}
