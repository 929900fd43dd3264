using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    private static readonly string[] s_stateSpaceWeights = ["convolution", "convolution bias", "step bias", "log decay", "skip", "norm"];

    /// <summary>
    /// What Mamba-2 does between its two projections, over whole sequences, chunk by chunk (Dao and Gu, 2024, arXiv:2405.21060,
    /// section 6), computed in f32. By the kernel: three passes over the rows, no padding, and little kept for the backward pass.
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
        if (projected.dim() != 3 || projected.size(2) != shape.Projected)
            throw new ArgumentException($"StateSpace: a projection [B, T, {shape.Projected}] expected, not {Shape(projected)}");
        RequireFitting(nameof(StateSpace), weights, shape);
        CheckSequences(nameof(StateSpace), lengths, projected.size(0), projected.size(1));
        if (memory is { } kept) RequireFitting(nameof(StateSpace), kept, shape, projected, lengths?.size(0) ?? projected.size(0), weights.Skip.dtype);
        using DisposeScope scope = NewDisposeScope();
        if (weights.Skip.dtype == ScalarType.Float32 && Chosen(Operation.StateSpace, projected) is { } kernels)
            return scope.MoveToOuter(StateSpace(kernels, projected, weights, shape, epsilon, lengths, memory));
        return scope.MoveToOuter(OverSequences([projected], lengths, (rows, counts) => new StateSpaceMixer(shape, weights, epsilon).Whole(rows[0], counts, memory)));
    }

    /// <summary>One further token per row by the recurrence that <see cref="StateSpace"/> computes in chunks; without a gradient where a kernel does it.</summary>
    /// <param name="projected">[B, <see cref="StateSpaceShape.Projected"/>]</param>
    /// <param name="epsilon">of the norm behind the gate</param>
    /// <param name="memory">read, and written in place</param>
    /// <returns>[B, <see cref="StateSpaceShape.Inner"/>]</returns>
    public static Tensor StateSpaceNext(Tensor projected, StateSpaceWeights weights, StateSpaceShape shape, double epsilon, StateSpaceMemory memory)
    {
        if (projected.dim() != 2 || projected.size(1) != shape.Projected)
            throw new ArgumentException($"StateSpaceNext: a projection [B, {shape.Projected}] expected, not {Shape(projected)}");
        RequireFitting(nameof(StateSpaceNext), weights, shape);
        RequireFitting(nameof(StateSpaceNext), memory, shape, projected, projected.size(0), weights.Skip.dtype);
        using DisposeScope scope = NewDisposeScope();
        if (weights.Skip.dtype == ScalarType.Float32 && Chosen(Operation.StateSpaceNext, projected) is { } kernels)
            return scope.MoveToOuter(StateSpaceNext(kernels, projected, weights, shape, epsilon, memory));
        return scope.MoveToOuter(new StateSpaceMixer(shape, weights, epsilon).Next(projected, memory));
    }

    // Everything below is called within a scope, and its temporaries are the scope's.

    private static unsafe Tensor StateSpace(
        KernelFunctions kernels, Tensor projected, StateSpaceWeights weights, StateSpaceShape shape, double epsilon, Tensor? lengths, StateSpaceMemory? memory)
    {
        Tensor rows = Contiguous(projected), spans = SpansOf(lengths, projected.size(0), projected.size(1));
        Tensor?[] w = [.. WeightsOf(weights).Select(t => t is null ? null : Contiguous(t))];
        (long batch, long length) = (projected.size(0), projected.size(1));
        Tensor y = empty([batch, length, shape.Inner], rows.dtype, rows.device);
        Tensor scanned = empty([batch * length, shape.Inner], ScalarType.Float32, rows.device), inverses = empty([batch * length * shape.Groups], ScalarType.Float32, rows.device);
        StateSpaceNumbers numbers = new(shape, epsilon);
        TensorView* ws = stackalloc TensorView[6];
        Views(w, ws);
        TensorView from = TensorView.OfRows(rows, shape.Projected), at = TensorView.Of(spans), to = TensorView.OfRows(y, shape.Inner);
        TensorView scan = TensorView.Of(scanned), roots = TensorView.Of(inverses), inputs = TensorView.Of(memory?.Inputs), states = TensorView.Of(memory?.States);
        kernels.Check(kernels.StateSpace.Forward(&numbers, ws, &from, &at, &to, &scan, &roots, &inputs, &states), nameof(StateSpace));
        GC.KeepAlive((rows, spans, w, y, scanned, inverses, memory));

        Tensor[] learning = [projected, .. WeightsOf(weights).OfType<Tensor>()];
        if (!is_grad_enabled() || !learning.Any(t => t.requires_grad)) return y;
        var hasBias = w[1] is not null;
        return Gradient.Attach(y, learning, [rows, .. w.OfType<Tensor>(), spans, scanned, inverses], (saved, gradient) => StateSpaceBack(kernels, new(shape, epsilon), hasBias, saved, gradient));
    }

    /// <param name="saved">projection, weights, spans, the scan's output and 1 / rms of each group of each row, as <see cref="StateSpace(Tensor, StateSpaceWeights, StateSpaceShape, double, Tensor?, StateSpaceMemory?)"/> keeps them</param>
    private static unsafe Tensor[] StateSpaceBack(KernelFunctions kernels, StateSpaceNumbers numbers, bool hasBias, Tensor[] saved, Tensor gradient)
    {
        Tensor rows = saved[0], g = Contiguous(gradient), spans = saved[^3], scanned = saved[^2], inverses = saved[^1];
        Tensor?[] w = [saved[1], hasBias ? saved[2] : null, .. saved[(hasBias ? 3 : 2)..^3]];
        Tensor?[] gradients = [empty_like(rows), .. w.Select(t => t is null ? null : empty_like(t))];
        TensorView* ws = stackalloc TensorView[6], gs = stackalloc TensorView[7];
        Views(w, ws);
        Views(gradients, gs);
        gs[0] = TensorView.OfRows(gradients[0]!, rows.size(-1));
        TensorView from = TensorView.OfRows(rows, rows.size(-1)), at = TensorView.Of(spans), scan = TensorView.Of(scanned), roots = TensorView.Of(inverses);
        TensorView incoming = TensorView.OfRows(g, scanned.size(1));
        kernels.Check(kernels.StateSpace.Backward(&numbers, ws, &from, &at, &scan, &roots, &incoming, gs), nameof(StateSpace));
        GC.KeepAlive((saved, g, gradients));
        return [.. gradients.OfType<Tensor>()];
    }

    private static unsafe Tensor StateSpaceNext(KernelFunctions kernels, Tensor projected, StateSpaceWeights weights, StateSpaceShape shape, double epsilon, StateSpaceMemory memory)
    {
        Tensor rows = Contiguous(projected);
        Tensor?[] w = [.. WeightsOf(weights).Select(t => t is null ? null : Contiguous(t))];
        Tensor y = empty([rows.size(0), shape.Inner], rows.dtype, rows.device);
        StateSpaceNumbers numbers = new(shape, epsilon);
        TensorView* ws = stackalloc TensorView[6];
        Views(w, ws);
        TensorView from = TensorView.Of(rows), inputs = TensorView.Of(memory.Inputs), states = TensorView.Of(memory.States), to = TensorView.Of(y);
        kernels.Check(kernels.StateSpace.Next(&numbers, ws, &from, &inputs, &states, &to), nameof(StateSpaceNext));
        GC.KeepAlive((rows, w, memory, y));
        return y;
    }

    private static unsafe void Views(Tensor?[] tensors, TensorView* to)
    {
        for (var i = 0; i < tensors.Length; i++) to[i] = TensorView.Of(tensors[i]);
    }

    private static Tensor?[] WeightsOf(StateSpaceWeights w) => [w.Convolution, w.ConvolutionBias, w.StepBias, w.LogDecay, w.Skip, w.Norm];

    private static void RequireFitting(string operation, StateSpaceWeights weights, StateSpaceShape shape)
    {
        if (shape.Groups < 1 || shape.Heads % shape.Groups != 0) throw new ArgumentException($"{operation}: {shape.Groups} groups do not divide {shape.Heads} heads");
        long[][] sizes = [[shape.Mixed, shape.ConvolutionWidth], [shape.Mixed], [shape.Heads], [shape.Heads], [shape.Heads], [shape.Inner]];
        foreach (var (tensor, name, size) in WeightsOf(weights).Zip(s_stateSpaceWeights, sizes))
        {
            if (tensor is not null && (tensor.dtype != weights.Skip.dtype || !tensor.shape.SequenceEqual(size)))
                throw new ArgumentException($"{operation}: {name}: {weights.Skip.dtype} of [{string.Join(", ", size)}] expected, not {tensor.dtype} of {Shape(tensor)}");
        }
    }

    private static void RequireFitting(string operation, StateSpaceMemory memory, StateSpaceShape shape, Tensor projected, long sequences, ScalarType type)
    {
        Require("kept inputs", memory.Inputs, projected.dtype, [sequences, shape.ConvolutionWidth - 1, shape.Mixed]);
        Require("kept states", memory.States, type, [sequences, .. shape.StateSizes]);

        void Require(string name, Tensor tensor, ScalarType type, long[] size)
        {
            if (tensor.dtype != type || !tensor.shape.SequenceEqual(size) || !tensor.is_contiguous())
                throw new ArgumentException($"{operation}: {name}: contiguous {type} of [{string.Join(", ", size)}] expected, not {tensor.dtype} of {Shape(tensor)}");
        }
    }
}
