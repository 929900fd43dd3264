using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>
/// What Mamba-2 does between its two projections (Dao and Gu, 2024, arXiv:2405.21060), composed of operators: a short convolution,
/// then for each head h_t = exp(D_t A) h_(t-1) + D_t x_t B_t^T and y_t = h_t C_t + d x_t with a state h of [P, N], gated and
/// normalised. Whole sequences go chunk by chunk through products (section 6), single tokens by the recurrence; both compute in the type of the weights, which is f32, or f64 for a
/// reference.
/// </summary>
internal sealed class StateSpaceMixer(StateSpaceShape shape, StateSpaceWeights weights, double epsilon)
{
    private readonly ScalarType _type = weights.Skip.dtype;

    /// <summary>Sequences from their beginning, in rows.</summary>
    /// <param name="projected">[B, T, <see cref="StateSpaceShape.Projected"/>]</param>
    /// <param name="lengths">Real tokens of each row; null: all.</param>
    /// <param name="memory">Filled with what is behind each row's last real token.</param>
    /// <returns>[B, T, <see cref="StateSpaceShape.Inner"/>]</returns>
    public Tensor Whole(Tensor projected, long[]? lengths, StateSpaceMemory? memory)
    {
        var (gate, mixed, steps) = Parts(projected);
        // Where a row is over, nothing is written and nothing decays.
        if (TorchExtras.Behind(lengths, projected.size(1), projected.device) is { } over) steps = steps.masked_fill(over, 0);
        var seen = ShortConvolution.FromStart(shape, mixed);
        var (x, write, read) = Split(ShortConvolution.Of(weights.Convolution, weights.ConvolutionBias, seen));
        var (y, states) = Chunked(x.mul(steps.unsqueeze(-1)), Decays(steps), write, read);
        memory?.Fill(seen, states, lengths);
        return Finish(y, x, gate);
    }

    /// <summary>One further token per row.</summary>
    /// <param name="projected">[B, <see cref="StateSpaceShape.Projected"/>]</param>
    /// <param name="memory">Read, and written in place.</param>
    /// <returns>[B, <see cref="StateSpaceShape.Inner"/>]</returns>
    public Tensor Next(Tensor projected, StateSpaceMemory memory)
    {
        var batch = projected.size(0);
        var (gate, mixed, steps) = Parts(projected.unsqueeze(1));
        var (x, write, read) = Split(ShortConvolution.Of(weights.Convolution, weights.ConvolutionBias, memory.Push(mixed)));
        var heads = shape.Heads / shape.Groups;
        // [B, G, H / G, P, N] throughout; what a group shares is broadcast.
        var state = memory.States.view(batch, shape.Groups, heads, shape.HeadDimension, shape.StateSize);
        var scaled = x.mul(steps.unsqueeze(-1)).reshape(batch, shape.Groups, heads, shape.HeadDimension, 1);
        var kept = Decays(steps).exp().reshape(batch, shape.Groups, heads, 1, 1);
        state.mul_(kept).add_(scaled.mul(write.reshape(batch, shape.Groups, 1, 1, shape.StateSize)));
        var y = state.mul(read.reshape(batch, shape.Groups, 1, 1, shape.StateSize)).sum([-1]).reshape(batch, 1, shape.Heads, shape.HeadDimension);
        return Finish(y, x, gate).squeeze(1);
    }

    /// <summary>Gate [B, T, inner], the convolution's input [B, T, mixed], step sizes [B, T, H].</summary>
    private (Tensor Gate, Tensor Mixed, Tensor Steps) Parts(Tensor projected)
    {
        var parts = projected.split([shape.Inner, shape.Mixed, shape.Heads], -1);
        var steps = nn.functional.softplus(parts[2].to(_type) + weights.StepBias);
        var bounded = shape.MinStep > 0 || shape.MaxStep is not null ? steps.clamp(shape.MinStep, shape.MaxStep ?? double.PositiveInfinity) : steps;
        return (parts[0], parts[1], bounded);
    }

    /// <summary>x [B, T, H, P], what is written and read [B, T, G, N].</summary>
    private (Tensor X, Tensor Write, Tensor Read) Split(Tensor convolved)
    {
        var (batch, length, shared) = (convolved.size(0), convolved.size(1), (long)shape.Groups * shape.StateSize);
        var parts = convolved.split([shape.Inner, shared, shared], -1);
        return (parts[0].reshape(batch, length, shape.Heads, shape.HeadDimension), parts[1].reshape(batch, length, shape.Groups, shape.StateSize), parts[2].reshape(batch, length, shape.Groups, shape.StateSize));
    }

    /// <summary>Logarithms of what remains of a state after a step, [B, T, H].</summary>
    private Tensor Decays(Tensor steps) => steps.mul(weights.LogDecay.exp().neg());

    /// <summary>Each group's channels by themselves, as the authors' code and transformers 5 do.</summary>
    private Tensor Normed(Tensor x)
    {
        if (shape.Groups == 1) return TorchExtras.RmsNorm(x, weights.Norm, epsilon);
        var grouped = x.reshape([.. x.shape[..^1], shape.Groups, shape.Inner / shape.Groups]);
        var inverse = grouped.square().mean([-1], keepdim: true).add(epsilon).rsqrt();
        return grouped.mul(inverse).reshape(x.shape).mul(weights.Norm);
    }

    /// <summary>Skip, gate and norm.</summary>
    private Tensor Finish(Tensor y, Tensor x, Tensor gate)
    {
        var added = y.add(x.mul(weights.Skip.reshape(-1, 1))).reshape(y.size(0), y.size(1), shape.Inner);
        return Normed(added.mul(gate.to(_type).silu())).to(gate.dtype);
    }

    /// <summary>
    /// The recurrence as products: within a chunk like attention with decaying scores, between chunks through states.
    /// </summary>
    /// <param name="x">[B, T, H, P], times the step sizes</param>
    /// <param name="decays">[B, T, H], logarithms</param>
    /// <param name="write">[B, T, G, N]</param>
    /// <param name="read">[B, T, G, N]</param>
    /// <returns>y [B, T, H, P]; states behind the last token [B, H, P, N]</returns>
    private (Tensor Y, Tensor States) Chunked(Tensor x, Tensor decays, Tensor write, Tensor read)
    {
        var (batch, length, heads) = (x.size(0), x.size(1), shape.Heads / shape.Groups);
        var size = Math.Min(shape.ChunkSize, length);
        var chunks = (length + size - 1) / size;
        // Behind the end nothing is written and nothing decays.
        (x, decays, write, read) = (Filled(x), Filled(decays), Filled(write), Filled(read));

        // [B, c, G, H / G, Q, ...] throughout.
        var inputs = x.reshape(batch, chunks, size, shape.Groups, heads, -1).permute(0, 1, 3, 4, 2, 5);
        var writes = write.reshape(batch, chunks, size, shape.Groups, -1).transpose(2, 3).unsqueeze(3);
        var reads = read.reshape(batch, chunks, size, shape.Groups, -1).transpose(2, 3).unsqueeze(3);
        var sums = decays.reshape(batch, chunks, size, shape.Groups, heads).permute(0, 1, 3, 4, 2).cumsum(-1);
        var later = ones([size, size], ScalarType.Bool, x.device).triu(1);
        var scores = reads.matmul(writes.transpose(-1, -2)).mul(sums.unsqueeze(-1).sub(sums.unsqueeze(-2)).masked_fill(later, double.NegativeInfinity).exp());
        var y = scores.matmul(inputs);

        var total = sums.narrow(-1, size - 1, 1);
        // Of each chunk by itself: [B, c, G, H / G, P, N].
        var own = inputs.mul(total.sub(sums).exp().unsqueeze(-1)).transpose(-1, -2).matmul(writes);
        // exp of the decay from behind chunk k to before chunk z, for k < z; row c stands behind the last one.
        var ends = total.squeeze(-1).permute(0, 2, 3, 1).cumsum(-1);
        var starts = cat([zeros([batch, shape.Groups, heads, 1], ends.dtype, ends.device), ends], -1);
        var ahead = ones([chunks + 1, chunks], ScalarType.Bool, x.device).triu(0);
        var carry = starts.unsqueeze(-1).sub(ends.unsqueeze(-2)).masked_fill(ahead, double.NegativeInfinity).exp();
        var before = carry.matmul(own.permute(0, 2, 3, 1, 4, 5).reshape(batch, shape.Groups, heads, chunks, -1))
            .reshape(batch, shape.Groups, heads, chunks + 1, shape.HeadDimension, shape.StateSize);
        var incoming = before.narrow(3, 0, chunks).permute(0, 3, 1, 2, 5, 4);
        y = y.add(reads.matmul(incoming).mul(sums.exp().unsqueeze(-1)));

        var result = y.permute(0, 1, 4, 2, 3, 5).reshape(batch, chunks * size, shape.Heads, -1).narrow(1, 0, length);
        return (result, before.select(3, chunks).reshape(batch, shape.Heads, shape.HeadDimension, shape.StateSize));

        Tensor Filled(Tensor t)
        {
            var missing = chunks * size - length;
            return missing == 0 ? t : cat([t, zeros([batch, missing, .. t.shape.Skip(2)], t.dtype, t.device)], 1);
        }
    }
}
