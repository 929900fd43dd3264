using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// One step's sequences as plain arrays, so that another thread can make them. They lie one after another with nothing
/// between: no token is padding, but for the ends of groups. Groups (one per adapter slot; one in all without adapters) take
/// equal room, and each group's loss is the weighted mean over its own targets.
/// </summary>
internal sealed class TrainingBatch
{
    /// <summary>Below this share of weighted positions the head runs on those alone.</summary>
    private const double SelectionShare = 0.6;

    private readonly long[] _ids;
    private readonly long[] _positions;
    private readonly long[] _spans;
    private readonly long[]? _places;
    private readonly long[] _targets;
    private readonly long[] _groupOf;
    private readonly float[] _coefficients;

    /// <summary>Of every target, the tokens to be predicted and their probabilities; null where each is one token.</summary>
    private readonly TokenDistribution[]? _soft;

    /// <param name="rows">As many for each group, a group's own together.</param>
    public TrainingBatch(IReadOnlyList<TokenSequence> rows, int groups)
    {
        Groups = groups;
        Sequences = [.. rows.Select(r => r.Ids.Length - 1)];
        GroupTokens = new long[groups];
        var perGroup = rows.Count / groups;
        var totals = new double[groups];
        var weighted = 0;
        for (var row = 0; row < rows.Count; row++)
        {
            GroupTokens[row / perGroup] += Sequences[row];
            foreach (var weight in rows[row].Weights.AsSpan(1))
            {
                if (weight == 0) continue;
                totals[row / perGroup] += weight;
                weighted++;
            }
        }
        var room = (int)GroupTokens.Max();
        _ids = new long[groups * room];
        _positions = new long[groups * room];
        _spans = new long[2 * rows.Count];
        var isSoft = rows.Any(r => r.Soft is not null);
        var select = isSoft || weighted < SelectionShare * _ids.Length;
        var soft = new List<TokenDistribution>();
        var (places, targets, groupOf, coefficients) = (new List<long>(), new List<long>(), new List<long>(), new List<float>());
        for (int row = 0, place = 0; row < rows.Count; row++)
        {
            var (sequence, group) = (rows[row], row / perGroup);
            if (row % perGroup == 0) place = group * room;
            (_spans[2 * row], _spans[2 * row + 1]) = (place, Sequences[row]);
            for (var t = 0; t < Sequences[row]; t++, place++)
            {
                (_ids[place], _positions[place]) = (sequence.Ids[t], t);
                var weight = sequence.Weights[t + 1];
                if (select && weight == 0) continue;
                places.Add(place);
                targets.Add(sequence.Ids[t + 1]);
                if (isSoft) soft.Add(sequence.Soft?[t + 1] ?? new TokenDistribution([sequence.Ids[t + 1]], [1]));
                groupOf.Add(group);
                coefficients.Add(weight == 0 ? 0 : (float)(weight / totals[group]));
            }
        }
        _places = select || places.Count < _ids.Length ? [.. places] : null;
        (_targets, _groupOf, _coefficients) = ([.. targets], [.. groupOf], [.. coefficients]);
        _soft = isSoft ? [.. soft] : null;
        Weight = totals.Sum();
    }

    public int Groups { get; }

    /// <summary>Read tokens of every row.</summary>
    public IReadOnlyList<int> Sequences { get; }

    /// <summary>Read tokens of every group.</summary>
    public long[] GroupTokens { get; }

    public long Tokens => GroupTokens.Sum();

    /// <summary>Sum of the targets' weights.</summary>
    public double Weight { get; }

    /// <summary>The sum of the groups' losses, of which backward is called, and the loss of every group, [G], without a gradient; f32, in nats.</summary>
    /// <param name="packed">The base of adapters, where that can be had.</param>
    public (Tensor Total, Tensor PerGroup) Losses(DecoderWeights weights, RotaryTable rotary, AdapterRows? adapters, PackedLlama? packed = null)
    {
        var device = torch.device(weights.Device);
        var coefficients = tensor(_coefficients).to(device);
        var (total, losses) = packed is null || adapters is null || _soft is not null ? ByOperators(weights, rotary, adapters, coefficients) : InOneCall(weights, rotary, adapters, packed);
        var perGroup = Groups == 1
            ? total.detach().view(1)
            : zeros([Groups], ScalarType.Float32, device).index_add_(0, tensor(_groupOf).to(device), losses.mul(coefficients), 1);
        return (total, perGroup);
    }

    private (Tensor Total, Tensor Losses) ByOperators(DecoderWeights weights, RotaryTable rotary, AdapterRows? adapters, Tensor coefficients)
    {
        var device = torch.device(weights.Device);
        var tokens = new TokenRows(tensor(_ids).view(1, -1).to(device), tensor(_spans).view(-1, 2), tensor(_positions).to(device));
        // Looked up in the f32 masters: a common token's gradient is a sum of hundreds of terms, which bf16 cannot hold.
        var embedding = adapters is null ? weights.Masters.Embedding : weights.FrozenEmbedding;
        var hidden = DecoderNetwork.Forward(weights.Config, weights.Compute, embedding, rotary, tokens, adapters);
        if (_places is not null) hidden = hidden.index_select(0, tensor(_places).to(device));
        var logits = DecoderNetwork.Head(weights.Config, weights.Compute, hidden);
        return _soft is null ? TorchExtras.CrossEntropy(logits, tensor(_targets).to(device), coefficients, overwrite: true) : SoftCrossEntropy(logits, _soft, coefficients);
    }

    /// <summary>Minus the expectation of the log-probabilities under each target's distribution: the forward Kullback-Leibler divergence to it,
    /// plus its own entropy, which no weight changes (Hinton et al., 2015, arXiv:1503.02531, at temperature 1).</summary>
    internal static (Tensor Total, Tensor Losses) SoftCrossEntropy(Tensor logits, TokenDistribution[] targets, Tensor coefficients)
    {
        var most = targets.Max(t => t.Ids.Count);
        var (ids, probabilities) = (new long[targets.Length * most], new float[targets.Length * most]);
        for (var i = 0; i < targets.Length; i++)
        {
            for (var k = 0; k < targets[i].Ids.Count; k++) (ids[(i * most) + k], probabilities[(i * most) + k]) = (targets[i].Ids[k], targets[i].Probabilities[k]);
        }
        var predicted = nn.functional.log_softmax(logits.to(ScalarType.Float32), -1).gather(1, tensor(ids).view(-1, most).to(logits.device));
        var losses = predicted.mul(tensor(probabilities).view(-1, most).to(logits.device)).sum(1).neg();
        return (losses.mul(coefficients).sum(), losses.detach());
    }

    private (Tensor Total, Tensor Losses) InOneCall(DecoderWeights weights, RotaryTable rotary, AdapterRows adapters, PackedLlama packed)
    {
        var (targets, coefficients) = EveryTarget();
        var (cos, sin) = rotary.Row(tensor(_positions));
        var embedded = weights.FrozenEmbedding.index_select(0, tensor(_ids));
        var (total, losses) = packed.AdapterLoss(embedded, tensor(_spans).view(-1, 2), Groups, cos, sin, targets, coefficients, adapters.Scaling, adapters.Products);
        return (total, _places is null ? losses : losses.index_select(0, tensor(_places)));
    }

    /// <summary>The loss of an only group, and the gradients of all weights as <see cref="PackedLlama.WeightLoss"/> gives them.</summary>
    /// <param name="packed">The weights as they stand.</param>
    public (Tensor Total, Tensor[] Gradients) WeightGradients(DecoderWeights weights, RotaryTable rotary, PackedLlama packed)
    {
        var (targets, coefficients) = EveryTarget();
        var (cos, sin) = rotary.Row(tensor(_positions));
        var (total, _, gradients) = packed.WeightLoss(weights.Masters.Embedding, tensor(_ids), tensor(_spans).view(-1, 2), cos, sin, targets, coefficients, weights.Config.TiedHead);
        return (total, gradients);
    }

    /// <summary>Target and coefficient of every place; -1 where there is none.</summary>
    private (Tensor Targets, Tensor Coefficients) EveryTarget()
    {
        var (targets, coefficients) = (new long[_ids.Length], new float[_ids.Length]);
        Array.Fill(targets, -1);
        for (var i = 0; i < _targets.Length; i++)
            (targets[_places?[i] ?? i], coefficients[_places?[i] ?? i]) = (_coefficients[i] == 0 ? -1 : _targets[i], _coefficients[i]);
        return (tensor(targets), tensor(coefficients));
    }

    /// <summary>Operations of the forward pass over real tokens.</summary>
    public double ForwardFlops(DecoderConfig config) =>
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
