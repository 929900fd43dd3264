using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>One step of AdamW over many parameters in one pass, in place.</summary>
    /// <param name="masters">the weights, f32</param>
    /// <param name="copies">the bf16 copies used in products, written from the weights in the same pass; null, or null entries: none</param>
    /// <param name="gradients">of the weights' shapes, f32 or bf16; a null entry skips its parameter</param>
    /// <param name="means">running mean of the gradients, f32, of the weights' shapes</param>
    /// <param name="variances">running mean of their squares, as <paramref name="means"/></param>
    public static void AdamW(
        IReadOnlyList<Tensor> masters, IReadOnlyList<Tensor?>? copies, IReadOnlyList<Tensor?> gradients,
        IReadOnlyList<Tensor> means, IReadOnlyList<Tensor> variances, AdamWStep step)
    {
        int count = masters.Count;
        if (gradients.Count != count || means.Count != count || variances.Count != count || (copies is not null && copies.Count != count))
            throw new ArgumentException($"{count} weights beside {copies?.Count ?? count} copies, {gradients.Count} gradients, {means.Count} means and {variances.Count} variances");
        if (count == 0)
            return;
        for (int i = 0; i < count; i++) CheckParameter(masters[i], copies?[i], gradients[i], means[i], variances[i]);
        using IDisposable _ = no_grad();
        if (Chosen(Operation.AdamW, masters[0], masters.Sum(master => master.numel())) is { } kernels)
        {
            AdamW(kernels, masters, copies, gradients, means, variances, step);
            return;
        }
        for (int i = 0; i < count; i++)
            if (gradients[i] is { } gradient)
                Step(masters[i], copies?[i], gradient, means[i], variances[i], step);
    }

    private static void CheckParameter(Tensor master, Tensor? copy, Tensor? gradient, Tensor mean, Tensor variance)
    {
        if (gradient is null) return;
        if (gradient.dtype is not (ScalarType.Float32 or ScalarType.BFloat16)) throw new ArgumentException($"AdamW: a gradient must be float or bfloat16, not {gradient.dtype}");
        long[] shape = gradient.shape;
        foreach (Tensor tensor in (ReadOnlySpan<Tensor>)[master, mean, variance])
        {
            if (tensor.dtype != ScalarType.Float32 || !tensor.is_contiguous()) throw new ArgumentException("AdamW: weights and moments must be contiguous floats");
            if (!tensor.shape.SequenceEqual(shape)) throw new ArgumentException($"AdamW: a weight or moment of {Shape(tensor)} beside a gradient of {Shape(gradient)}");
        }
        if (copy is not null && (copy.dtype != ScalarType.BFloat16 || !copy.is_contiguous() || !copy.shape.SequenceEqual(shape)))
            throw new ArgumentException($"AdamW: a copy must be a contiguous bfloat16 of its weight's shape, not {copy.dtype} {Shape(copy)}");
    }

    /// <summary>The Euclidean norm of many tensors together; null entries count nothing.</summary>
    public static double Norm(IReadOnlyList<Tensor?> tensors)
    {
        using IDisposable _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] counted = [.. tensors.OfType<Tensor>()];
        if (counted.Length > 0 && counted.All(IsForKernels) && Chosen(Operation.Norm, counted[0], counted.Sum(tensor => tensor.numel())) is { } kernels)
            return Norm(kernels, counted);
        Tensor[] squares = [.. counted.Select(tensor => tensor.to(ScalarType.Float32).square().sum())];
        return squares.Length == 0 ? 0 : Math.Sqrt(stack(squares).sum().to(ScalarType.Float64).item<double>());
    }

    private static unsafe double Norm(KernelFunctions kernels, Tensor[] tensors)
    {
        Tensor[] flat = [.. tensors.Select(tensor => Contiguous(tensor))];
        TensorView[] views = [.. flat.Select(tensor => TensorView.OfRows(tensor, tensor.numel()))];
        double norm;
        fixed (TensorView* at = views) kernels.Check(kernels.Optimizer.Norm(at, views.Length, &norm), nameof(Norm));
        GC.KeepAlive(flat);
        return norm;
    }

    private static unsafe void AdamW(
        KernelFunctions kernels, IReadOnlyList<Tensor> masters, IReadOnlyList<Tensor?>? copies, IReadOnlyList<Tensor?> gradients,
        IReadOnlyList<Tensor> means, IReadOnlyList<Tensor> variances, AdamWStep step)
    {
        using DisposeScope scope = NewDisposeScope();
        var parameters = new List<OptimizerKernels.Parameter>(masters.Count);
        for (int i = 0; i < masters.Count; i++)
        {
            if (gradients[i] is not { } gradient || gradient.numel() == 0) continue;
            parameters.Add(new()
            {
                Master = Memory(masters[i]),
                Copy = copies?[i] is { } copy ? Memory(copy) : 0,
                Gradient = TensorView.OfRows(Contiguous(gradient), gradient.numel()),
                Mean = Memory(means[i]),
                Variance = Memory(variances[i]),
            });
        }
        double* numbers = stackalloc double[] { step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, step.WeightDecay, step.GradientScale };
        fixed (OptimizerKernels.Parameter* at = CollectionsMarshal.AsSpan(parameters))
            kernels.Check(kernels.Optimizer.AdamW(at, parameters.Count, step.Number, numbers), nameof(AdamW));
        for (int i = 0; i < masters.Count; i++)
        {
            if (gradients[i] is null) continue;
            Gradient.Written(masters[i]);
            if (copies?[i] is { } copy) Gradient.Written(copy);
        }
        GC.KeepAlive((masters, copies, gradients, means, variances));

        static nint Memory(Tensor tensor) => TensorView.OfRows(tensor, 1).Memory;
    }

    private static void Step(Tensor master, Tensor? copy, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor g = gradient.to(ScalarType.Float32).mul(step.GradientScale);
        mean.mul_(step.Beta1).add_(g, 1 - step.Beta1);
        variance.mul_(step.Beta2).addcmul_(g, g, 1 - step.Beta2);
        Tensor denominator = variance.sqrt().div_(Math.Sqrt(1 - Math.Pow(step.Beta2, step.Number))).add_(step.Epsilon);
        master.mul_(1 - step.LearningRate * step.WeightDecay).addcdiv_(mean, denominator, -step.LearningRate / (1 - Math.Pow(step.Beta1, step.Number)));
        copy?.copy_(master);
    }

}
