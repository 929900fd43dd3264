using PersonalizationBench.Core;
using PersonalizationBench.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// One step's sequences as plain arrays, so that another thread can make them. Rows lie in equal groups (one per adapter
/// slot; one group in all without adapters), and each group's loss is the weighted mean over its own targets.
/// </summary>
internal sealed class TrainingBatch
{
    /// <summary>Below this share of weighted positions the head runs on those alone.</summary>
    private const double SelectionShare = 0.6;

    private readonly long[] _ids;
    private readonly long[]? _places;
    private readonly long[] _targets;
    private readonly long[] _groupOf;
    private readonly float[] _coefficients;

    public TrainingBatch(IReadOnlyList<TokenSequence> rows, int groups)
    {
        (Rows, Groups) = (rows.Count, groups);
        Length = rows.Max(r => r.Ids.Length) - 1;
        GroupTokens = new long[groups];
        var perGroup = rows.Count / groups;
        var totals = new double[groups];
        var weighted = 0;
        for (var row = 0; row < rows.Count; row++)
        {
            GroupTokens[row / perGroup] += rows[row].Ids.Length - 1;
            foreach (var weight in rows[row].Weights.AsSpan(1))
            {
                if (weight == 0) continue;
                totals[row / perGroup] += weight;
                weighted++;
            }
        }
        _ids = new long[Rows * Length];
        var select = weighted < SelectionShare * Rows * Length;
        var (places, targets, groupOf, coefficients) = (new List<long>(), new List<long>(), new List<long>(), new List<float>());
        for (var row = 0; row < rows.Count; row++)
        {
            var sequence = rows[row];
            var group = row / perGroup;
            for (var t = 0; t < Length; t++)
            {
                var inside = t + 1 < sequence.Ids.Length;
                var place = row * Length + t;
                if (inside) _ids[place] = sequence.Ids[t];
                var weight = inside ? sequence.Weights[t + 1] : 0;
                if (select && weight == 0) continue;
                places.Add(place);
                targets.Add(inside ? sequence.Ids[t + 1] : 0);
                groupOf.Add(group);
                coefficients.Add(weight == 0 ? 0 : (float)(weight / totals[group]));
            }
        }
        _places = select ? [.. places] : null;
        (_targets, _groupOf, _coefficients) = ([.. targets], [.. groupOf], [.. coefficients]);
        Sequences = [.. rows.Select(r => r.Ids.Length - 1)];
        Weight = totals.Sum();
    }

    public int Rows { get; }

    public int Groups { get; }

    /// <summary>Of the longest row.</summary>
    public int Length { get; }

    /// <summary>Read tokens of every row, padding left out.</summary>
    public IReadOnlyList<int> Sequences { get; }

    /// <summary>Read tokens of every group.</summary>
    public long[] GroupTokens { get; }

    public long Tokens => GroupTokens.Sum();

    /// <summary>Sum of the targets' weights.</summary>
    public double Weight { get; }

    /// <summary>The sum of the groups' losses, of which backward is called, and the loss of every group, [G], without a gradient; f32, in nats.</summary>
    public (Tensor Total, Tensor PerGroup) Losses(LlamaWeights weights, RotaryTable rotary, AdapterRows? adapters)
    {
        var device = torch.device(weights.Device);
        var ids = tensor(_ids).view(Rows, Length).to(device);
        // Looked up in the f32 masters: a common token's gradient is a sum of hundreds of terms, which bf16 cannot hold.
        var hidden = LlamaNetwork.Forward(weights.Config, weights.Compute, weights.Masters.Embedding, rotary, ids, Batches.Lengths(Sequences), adapters);
        if (_places is not null) hidden = hidden.index_select(0, tensor(_places).to(device));
        var coefficients = tensor(_coefficients).to(device);
        var (total, losses) = TorchExtras.CrossEntropy(LlamaNetwork.Head(weights.Compute, hidden), tensor(_targets).to(device), coefficients, overwrite: true);
        var perGroup = Groups == 1
            ? total.detach().view(1)
            : zeros([Groups], ScalarType.Float32, device).index_add_(0, tensor(_groupOf).to(device), losses.mul(coefficients), 1);
        return (total, perGroup);
    }

    /// <summary>Operations of the forward pass over real tokens.</summary>
    public double ForwardFlops(LlamaConfig config) =>
        Sequences.Sum(length => FlopCount.Sequence(config, length)) + _targets.Length * FlopCount.Head(config);
}

/// <summary>Texts in seeded order, epoch after epoch, without end.</summary>
internal sealed class EpochOrder
{
    private readonly int[] _order;
    private readonly DeterministicRandom _random;
    private int _next;

    public EpochOrder(int count, DeterministicRandom random)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        (_order, _random, _next) = ([.. Enumerable.Range(0, count)], random, count);
    }

    public int Next()
    {
        if (_next == _order.Length)
        {
            _random.Shuffle(_order);
            _next = 0;
        }
        return _order[_next++];
    }
}
