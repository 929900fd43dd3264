using PersonalizationBench.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>Trains the cartridges of many users in one forward and backward over the shared base, whose weights stay as they are. Every slot has
/// its own loss normalisation, gradient clipping and order of data, as in <see cref="AdapterTrainer"/>.</summary>
public static class CartridgeTrainer
{
    /// <summary>A cartridge of a larger norm has diverged: f32 holds no square of it.</summary>
    private const double MostNorm = 1e19;

    /// <summary>Trains in place; results in the order of <paramref name="corpora"/>. A loss, or a norm of keys and values, that is not finite is a
    /// <see cref="DivergedException"/> naming slot and step, and leaves the bank as it was.</summary>
    public static IReadOnlyList<SlotTraining> Train(LoadedBase loadedBase, CartridgeBank bank, IReadOnlyList<SlotCorpus> corpora, AdapterTrainingOptions options, CostMeter meter, CancellationToken cancellation)
    {
        var fitting = options with { MaxSequenceTokens = loadedBase.Config.ContextLength - bank.Tokens };
        var learners = corpora.Select(c => new SlotLearner(loadedBase, c, fitting)).ToList();
        var trained = new List<CartridgeGroup>();
        try
        {
            foreach (var group in AdapterTrainer.Grouped([.. learners.OrderByDescending(l => l.Steps).ThenBy(l => l.Slot)], options.MaxTokensPerStep))
            {
                trained.Add(new CartridgeGroup(bank, group, loadedBase.Weights.ComputeType));
                Train(loadedBase, bank, trained[^1], options, meter, cancellation);
            }
            foreach (var group in trained) group.WriteBack(bank);
        }
        finally
        {
            foreach (var group in trained) group.Dispose();
        }
        return [.. learners.Select(l => new SlotTraining(l.Slot, l.Steps, l.Tokens, l.Losses))];
    }

    private static void Train(LoadedBase loadedBase, CartridgeBank bank, CartridgeGroup group, AdapterTrainingOptions options, CostMeter meter, CancellationToken cancellation)
    {
        for (var step = 0; step < group.Learners[0].Steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var active = group.Learners.Count(l => l.Steps > step);
            var view = group.View(active);
            var batch = new CartridgeBatch([.. group.Learners.Take(active).SelectMany(l => l.NextRows())], active);
            var (total, losses) = batch.Losses(loadedBase, view);
            total.backward();

            var values = losses.cpu().data<float>().ToArray();
            for (var i = 0; i < active; i++)
            {
                if (!float.IsFinite(values[i])) throw Diverged(group.Learners[i].Slot, step, "loss", values[i]);
                group.Learners[i].Record(values[i], batch.GroupTokens[i]);
            }
            foreach (var (start, count, rate) in AdapterTrainer.RatesOf(group.Learners, active, step))
            {
                var slice = AdapterView.Slice(view.Tensors, start, count);
                new AdamWOptimizer(slice, count, options.Beta1, options.Beta2, options.WeightDecay, options.ClipNorm).Step(step + 1, rate);
                // Keys and values of any size give a finite loss: attention and norms bound what comes of them.
                var sizes = DecoderOps.GroupNorms([.. slice.Select(t => t.Master)], count);
                for (var i = 0; i < count; i++)
                {
                    if (!(sizes[i] < MostNorm)) throw Diverged(group.Learners[start + i].Slot, step, "norm", sizes[i]);
                }
            }
            meter.AddTrainedTokens(batch.GroupTokens.Sum());
            // The base's weights get no gradient: its backward pass costs what its forward pass does.
            meter.AddFlops(2 * batch.ForwardFlops(bank.Config, bank.Tokens));
        }
    }

    private static DivergedException Diverged(int slot, int step, string what, double value) =>
        new(FormattableString.Invariant($"cartridge training: the {what} of slot {slot} is {value} at step {step + 1}"));
}

/// <summary>One step's sequences, padded on the right, as many for each group.</summary>
internal sealed class CartridgeBatch
{
    private readonly IReadOnlyList<TokenSequence> _rows;
    private readonly int _length;

    public CartridgeBatch(IReadOnlyList<TokenSequence> rows, int groups)
    {
        (_rows, Groups, _length) = (rows, groups, rows.Max(r => r.Ids.Length - 1));
        GroupTokens = [.. rows.Chunk(rows.Count / groups).Select(g => g.Sum(r => r.Ids.Length - 1L))];
    }

    public int Groups { get; }

    /// <summary>Read tokens of every group.</summary>
    public long[] GroupTokens { get; }

    /// <summary>The sum of the groups' losses, of which backward is called, and the loss of every group, [G], without a gradient; f32, in nats.</summary>
    public (Tensor Total, Tensor PerGroup) Losses(LoadedBase loaded, CartridgeView view)
    {
        var (weights, perGroup) = (loaded.Weights, _rows.Count / Groups);
        var device = torch.device(weights.Device);
        var totals = _rows.Chunk(perGroup).Select(g => g.Sum(r => r.Weights.Skip(1).Sum(w => (double)w))).ToArray();
        var (places, groupOf, coefficients, targets) = (new List<long>(), new List<long>(), new List<float>(), new List<TokenDistribution>());
        for (var row = 0; row < _rows.Count; row++)
        {
            for (var t = 0; t + 1 < _rows[row].Ids.Length; t++)
            {
                if (_rows[row].Weights[t + 1] == 0) continue;
                places.Add((row * (long)_length) + t);
                groupOf.Add(row / perGroup);
                coefficients.Add((float)(_rows[row].Weights[t + 1] / totals[row / perGroup]));
                targets.Add(_rows[row].Soft?[t + 1] ?? new TokenDistribution([_rows[row].Ids[t + 1]], [1]));
            }
        }
        var ids = Batches.Padded([.. _rows.Select(r => r.Ids[..^1])], _length, weights.Device);
        var hidden = DecoderNetwork.Behind(weights.Config, weights.Compute, weights.FrozenEmbedding, loaded.Rotary, ids, view.OfRows(perGroup));
        var logits = DecoderNetwork.Head(weights.Config, weights.Compute, hidden.index_select(0, tensor(places.ToArray()).to(device)));
        var counted = tensor(coefficients.ToArray()).to(device);
        var (total, losses) = TrainingBatch.SoftCrossEntropy(logits, [.. targets], counted);
        return (total, zeros([Groups], ScalarType.Float32, device).index_add_(0, tensor(groupOf.ToArray()).to(device), losses.mul(counted), 1));
    }

    /// <summary>Operations of the forward pass over real tokens behind a cartridge.</summary>
    public double ForwardFlops(DecoderConfig config, int before) =>
        _rows.Sum(r => FlopCount.Sequence(config, before + r.Ids.Length - 1) - FlopCount.Sequence(config, before) + (r.Weights.Skip(1).Count(w => w > 0) * FlopCount.Head(config)));
}

/// <summary>The cartridges of slots that train together, copied out of the bank in the order of their learners.</summary>
internal sealed class CartridgeGroup : IDisposable
{
    private readonly List<(Tensor FirstKeys, Tensor FirstValues, TrainedTensor Keys, TrainedTensor Values)> _layers = [];

    public CartridgeGroup(CartridgeBank bank, IReadOnlyList<SlotLearner> learners, ScalarType type)
    {
        Learners = learners;
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var slots = tensor(learners.Select(l => (long)l.Slot).ToArray()).to(bank.Layers[0].Keys.device);
        foreach (var (layer, (keys, values)) in bank.Layers.Index())
        {
            var (ownKeys, ownValues) = (keys.index_select(0, slots), values.index_select(0, slots));
            _layers.Add((First(ownKeys), First(ownValues), Rest($"{layer}.keys", ownKeys), Rest($"{layer}.values", ownValues)));
        }

        // Attention rests on the first position: it stays as the base made it.
        Tensor First(Tensor own) => own.narrow(2, 0, 1).to(type).contiguous().DetachFromDisposeScope();

        TrainedTensor Rest(string name, Tensor own)
        {
            var master = own.narrow(2, 1, bank.Tokens - 1).contiguous().DetachFromDisposeScope();
            return TrainedTensor.Start(name, master, type == ScalarType.Float32 ? master : master.to(type).DetachFromDisposeScope(), decays: false);
        }
    }

    public IReadOnlyList<SlotLearner> Learners { get; }

    /// <summary>The first <paramref name="active"/> slots as leaves of a new graph, in the current dispose scope.</summary>
    public CartridgeView View(int active)
    {
        var tensors = new List<TrainedTensor>();
        var layers = new List<(Tensor Keys, Tensor Values)>();
        foreach (var (firstKeys, firstValues, keys, values) in _layers)
        {
            var (leafKeys, leafValues) = (keys.Leaf(active), values.Leaf(active));
            tensors.AddRange([leafKeys, leafValues]);
            layers.Add((cat([firstKeys.narrow(0, 0, active), leafKeys.Copy], 2), cat([firstValues.narrow(0, 0, active), leafValues.Copy], 2)));
        }
        return new CartridgeView(layers, tensors);
    }

    /// <summary>Copies what was learned into the slots; no other slot is touched.</summary>
    public void WriteBack(CartridgeBank bank)
    {
        using var off = no_grad();
        foreach (var (layer, trained) in bank.Layers.Zip(_layers))
        {
            for (var i = 0; i < Learners.Count; i++)
            {
                using var scope = NewDisposeScope();
                layer.Keys.select(0, Learners[i].Slot).narrow(1, 1, bank.Tokens - 1).copy_(trained.Keys.Master.select(0, i));
                layer.Values.select(0, Learners[i].Slot).narrow(1, 1, bank.Tokens - 1).copy_(trained.Values.Master.select(0, i));
            }
        }
        bank.Changed();
    }

    public void Dispose()
    {
        foreach (var (firstKeys, firstValues, keys, values) in _layers)
        {
            firstKeys.Dispose();
            firstValues.Dispose();
            foreach (var tensor in new[] { keys, values })
            {
                tensor.Master.Dispose();
                tensor.Copy.Dispose();
                tensor.DisposeMoments();
            }
        }
    }
}

/// <summary>One step's keys and values per layer, [G, K, P, d], and the leaves that they are made of.</summary>
internal sealed record CartridgeView(IReadOnlyList<(Tensor Keys, Tensor Values)> Layers, IReadOnlyList<TrainedTensor> Tensors)
{
    /// <summary>Those of every row, groups having as many rows each: [R, K, P, d].</summary>
    public IReadOnlyList<(Tensor Keys, Tensor Values)> OfRows(int perGroup) =>
        [.. Layers.Select(l => (l.Keys.repeat_interleave(perGroup, 0), l.Values.repeat_interleave(perGroup, 0)))];
}
