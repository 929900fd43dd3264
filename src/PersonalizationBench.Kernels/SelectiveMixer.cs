using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>
/// What Mamba does between its two projections (Gu and Dao, 2023, arXiv:2312.00752, algorithm 2), composed of operators: a short
/// convolution gives x, and from x come what is written (B), what is read (C) and each channel's step size D; then for each channel
/// h_t = exp(D_t A) h_(t-1) + D_t x_t B_t and y_t = h_t C_t + d x_t with a state h of [N], gated. In f32. Unlike Mamba-2's, the decay is
/// another for each value of a state, so there is no form as products: tokens go one after another.
/// </summary>
internal sealed class SelectiveMixer(SelectiveShape shape, SelectiveWeights weights)
{
    /// <summary>Bound on the values of a stretch of tokens whose decays are computed at once; beyond it they would only leave the caches.</summary>
    private const long MaxStretch = 1 << 20;

    /// <summary>Sequences from their beginning, in rows.</summary>
    /// <param name="projected">[B, T, <see cref="SelectiveShape.Projected"/>]</param>
    /// <param name="lengths">Real tokens of each row; null: all.</param>
    /// <param name="memory">Filled with what is behind each row's last real token.</param>
    /// <returns>[B, T, <see cref="SelectiveShape.Inner"/>]</returns>
    public Tensor Whole(Tensor projected, long[]? lengths, StateSpaceMemory? memory)
    {
        var parts = projected.split([shape.Inner, shape.Inner], -1);
        var seen = ShortConvolution.FromStart(shape, parts[0]);
        var before = zeros([projected.size(0), .. shape.StateSizes], ScalarType.Float32, projected.device);
        var (y, states) = Scan(ShortConvolution.Of(weights.Convolution, weights.ConvolutionBias, seen), lengths, before);
        memory?.Fill(seen, states, lengths);
        return Gated(y, parts[1]);
    }

    /// <summary>One further token per row.</summary>
    /// <param name="projected">[B, <see cref="SelectiveShape.Projected"/>]</param>
    /// <param name="memory">Read, and written in place.</param>
    /// <returns>[B, <see cref="SelectiveShape.Inner"/>]</returns>
    public Tensor Next(Tensor projected, StateSpaceMemory memory)
    {
        var parts = projected.unsqueeze(1).split([shape.Inner, shape.Inner], -1);
        var x = ShortConvolution.Of(weights.Convolution, weights.ConvolutionBias, memory.Push(parts[0]));
        var (y, states) = Scan(x, null, memory.States);
        memory.States.copy_(states);
        return Gated(y, parts[1]).squeeze(1);
    }

    /// <param name="x">[B, T, inner]</param>
    /// <param name="lengths">Real tokens of each row; null: all.</param>
    /// <param name="state">[B, inner, N], before the first token</param>
    /// <returns>y [B, T, inner]; the states behind the last token</returns>
    private (Tensor Y, Tensor State) Scan(Tensor x, long[]? lengths, Tensor state)
    {
        var (batch, length) = (x.size(0), x.size(1));
        var selected = x.matmul(weights.Select.t()).split([shape.StepRank, shape.StateSize, shape.StateSize], -1);
        var steps = nn.functional.softplus(nn.functional.linear(selected[0], weights.Step, weights.StepBias));
        // Where a row is over, nothing is written and nothing decays.
        if (TorchExtras.Behind(lengths, length, x.device) is { } over) steps = steps.masked_fill(over, 0);
        var (rates, scaled) = (weights.LogDecay.exp().neg(), steps.mul(x));
        var stretch = Math.Clamp(MaxStretch / (batch * shape.Inner * shape.StateSize), 1, length);
        var read = new List<Tensor>();
        for (var start = 0L; start < length; start += stretch)
        {
            // What autograd needs it keeps by itself.
            using var scope = NewDisposeScope();
            var count = Math.Min(stretch, length - start);
            var kept = Part(steps).unsqueeze(-1).mul(rates).exp().unbind(1);
            var written = Part(scaled).unsqueeze(-1).mul(Part(selected[1]).unsqueeze(2)).unbind(1);
            var states = new Tensor[count];
            for (var t = 0; t < count; t++) states[t] = state = written[t].addcmul(kept[t], state, 1);
            read.Add(scope.MoveToOuter(stack(states, 1).matmul(Part(selected[2]).unsqueeze(-1)).squeeze(-1)));
            scope.MoveToOuter(state);

            Tensor Part(Tensor whole) => whole.narrow(1, start, count);
        }
        return (cat(read, 1).add(x.mul(weights.Skip)), state);
    }

    private static Tensor Gated(Tensor y, Tensor gate) => y.mul(gate.to(ScalarType.Float32).silu()).to(gate.dtype);
}
