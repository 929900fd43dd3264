using TorchSharp;
using static TorchSharp.torch;
#if !TORCHSHARP
using PersonalizationBench.Torch.Interop;
#endif

namespace PersonalizationBench.Torch;

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
#if !TORCHSHARP
        if (Fused(projected))
            unsafe
            {
                StateSpaceNumbers numbers = new(shape, epsilon);
                long* kept = stackalloc long[] { memory?.Inputs.Handle ?? 0, memory?.States.Handle ?? 0 };
                long result;
                fixed (long* tensors = Handles(weights))
                    Bridge.Check(
                        Bridge.pb_state_space(projected.Handle, lengths?.Handle ?? 0, tensors, numbers.Shape, numbers.Limits, kept, &result), nameof(StateSpace));
                GC.KeepAlive((weights, lengths, memory));
                return new Tensor((nint)result);
            }
#endif
        return OverSequences([projected], lengths, (rows, counts) => new StateSpaceMixer(shape, weights, epsilon).Whole(rows[0], counts, memory));
    }

    /// <summary>One further token per row by the recurrence that <see cref="StateSpace"/> computes in chunks; without a gradient where fused.</summary>
    /// <param name="projected">[B, <see cref="StateSpaceShape.Projected"/>]</param>
    /// <param name="epsilon">of the norm behind the gate</param>
    /// <param name="memory">read, and written in place</param>
    /// <returns>[B, <see cref="StateSpaceShape.Inner"/>]</returns>
    public static Tensor StateSpaceNext(Tensor projected, StateSpaceWeights weights, StateSpaceShape shape, double epsilon, StateSpaceMemory memory)
    {
#if !TORCHSHARP
        if (Fused(projected))
            unsafe
            {
                StateSpaceNumbers numbers = new(shape, epsilon);
                long* kept = stackalloc long[] { memory.Inputs.Handle, memory.States.Handle };
                long result;
                fixed (long* tensors = Handles(weights))
                    Bridge.Check(Bridge.pb_state_space_next(projected.Handle, tensors, numbers.Shape, numbers.Limits, kept, &result), nameof(StateSpaceNext));
                GC.KeepAlive((weights, memory));
                return new Tensor((nint)result);
            }
#endif
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(new StateSpaceMixer(shape, weights, epsilon).Next(projected, memory));
    }

#if !TORCHSHARP
    private static long[] Handles(StateSpaceWeights w) => Handles([w.Convolution, w.ConvolutionBias, w.StepBias, w.LogDecay, w.Skip, w.Norm]);

    /// <summary>As the bridge takes them.</summary>
    private unsafe ref struct StateSpaceNumbers
    {
        public fixed long Shape[5];
        public fixed double Limits[3];

        public StateSpaceNumbers(StateSpaceShape shape, double epsilon)
        {
            (Shape[0], Shape[1], Shape[2], Shape[3], Shape[4]) = (shape.Heads, shape.HeadDimension, shape.StateSize, shape.Groups, shape.ConvolutionWidth);
            (Limits[0], Limits[1], Limits[2]) = (shape.MinStep, shape.MaxStep ?? -1, epsilon);
        }
    }
#endif
}
