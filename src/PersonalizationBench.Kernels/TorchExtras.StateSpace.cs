using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>
    /// What Mamba-2 does between its two projections, over whole sequences, chunk by chunk (Dao and Gu, 2024, arXiv:2405.21060,
    /// section 6), computed in f32. Fused for the CPU: three passes over the rows, no padding, and little kept for the backward pass.
    /// </summary>
    /// <param name="projected">[B, T, <see cref="StateSpaceShape.Projected"/>], f32 or bf16</param>
    /// <param name="epsilon">of the norm behind the gate</param>
    /// <param name="lengths">as <see cref="CausalAttention"/> takes them: [B], or with B = 1 spans [S, 2], apart from each other.
    /// Positions in no sequence give zeros. Null: all of every row.</param>
    /// <param name="memory">written, without a gradient: of each row, or of each span</param>
    /// <returns>[B, T, <see cref="StateSpaceShape.Inner"/>], of the type of <paramref name="projected"/></returns>
    public static Tensor StateSpace(
        Tensor projected, StateSpaceWeights weights, StateSpaceShape shape, double epsilon, Tensor? lengths = null, StateSpaceMemory? memory = null)
    {
        return OverSequences([projected], lengths, (rows, counts) => new StateSpaceMixer(shape, weights, epsilon).Whole(rows[0], counts, memory));
    }

    /// <summary>One further token per row by the recurrence that <see cref="StateSpace"/> computes in chunks; without a gradient where fused.</summary>
    /// <param name="projected">[B, <see cref="StateSpaceShape.Projected"/>]</param>
    /// <param name="epsilon">of the norm behind the gate</param>
    /// <param name="memory">read, and written in place</param>
    /// <returns>[B, <see cref="StateSpaceShape.Inner"/>]</returns>
    public static Tensor StateSpaceNext(Tensor projected, StateSpaceWeights weights, StateSpaceShape shape, double epsilon, StateSpaceMemory memory)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(new StateSpaceMixer(shape, weights, epsilon).Next(projected, memory));
    }

}
