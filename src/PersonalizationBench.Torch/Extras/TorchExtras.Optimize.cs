using TorchSharp;
using static TorchSharp.torch;
#if !TORCHSHARP
using PersonalizationBench.Torch.Interop;
#endif

namespace PersonalizationBench.Torch;

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
#if !TORCHSHARP
        if (UseFused && masters[0].device_type == DeviceType.CPU)
            unsafe
            {
                double* numbers = stackalloc double[] { step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, step.WeightDecay, step.GradientScale };
                fixed (long* w = Handles(masters), c = Handles(copies ?? new Tensor?[count]), g = Handles(gradients), m = Handles(means), v = Handles(variances))
                    Bridge.Check(Bridge.pb_adamw(w, c, g, m, v, count, step.Number, numbers), nameof(AdamW));
                GC.KeepAlive((masters, copies, gradients, means, variances));
                return;
            }
        if (UseFused)
        {
            ForEach(masters, copies, gradients, means, variances, step);
            return;
        }
#endif
        using IDisposable _ = no_grad();
        for (int i = 0; i < count; i++)
            if (gradients[i] is { } gradient)
                Step(masters[i], copies?[i], gradient, means[i], variances[i], step);
    }

    /// <summary>The Euclidean norm of many tensors together; null entries count nothing.</summary>
    public static double Norm(IReadOnlyList<Tensor?> tensors)
    {
#if !TORCHSHARP
        if (UseFused && tensors.All(tensor => tensor is null || Fused(tensor)))
            unsafe
            {
                double norm;
                fixed (long* handles = Handles(tensors))
                    Bridge.Check(Bridge.pb_norm(handles, tensors.Count, &norm), nameof(Norm));
                GC.KeepAlive(tensors);
                return norm;
            }
#endif
        using IDisposable _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] squares = [.. tensors.OfType<Tensor>().Select(tensor => tensor.to(ScalarType.Float32).square().sum())];
        return squares.Length == 0 ? 0 : Math.Sqrt(stack(squares).sum().to(ScalarType.Float64).item<double>());
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

#if !TORCHSHARP
    // A GPU waits for the launch of each operator: lists make it a dozen launches, not a dozen per parameter.
    internal static void ForEach(
        IReadOnlyList<Tensor> masters, IReadOnlyList<Tensor?>? copies, IReadOnlyList<Tensor?> gradients,
        IReadOnlyList<Tensor> means, IReadOnlyList<Tensor> variances, AdamWStep step)
    {
        using IDisposable _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int[] used = [.. Enumerable.Range(0, masters.Count).Where(i => gradients[i] is not null)];
        if (used.Length == 0)
            return;
        Tensor[] w = [.. used.Select(i => masters[i])], m = [.. used.Select(i => means[i])], v = [.. used.Select(i => variances[i])];
        Tensor[] g = Op.CallList("aten::_foreach_mul.Scalar", used.Select(i => gradients[i]!.to(ScalarType.Float32)).ToArray(), step.GradientScale);
        Op.CallNothing("aten::_foreach_mul_.Scalar", m, step.Beta1);
        Op.CallNothing("aten::_foreach_add_.List", m, g, 1 - step.Beta1);
        Op.CallNothing("aten::_foreach_mul_.Scalar", v, step.Beta2);
        Op.CallNothing("aten::_foreach_addcmul_.Scalar", v, g, g, 1 - step.Beta2);
        Tensor[] denominators = Op.CallList("aten::_foreach_sqrt", v);
        Op.CallNothing("aten::_foreach_div_.Scalar", denominators, Math.Sqrt(1 - Math.Pow(step.Beta2, step.Number)));
        Op.CallNothing("aten::_foreach_add_.Scalar", denominators, step.Epsilon);
        Op.CallNothing("aten::_foreach_mul_.Scalar", w, 1 - step.LearningRate * step.WeightDecay);
        Op.CallNothing("aten::_foreach_addcdiv_.Scalar", w, m, denominators, -step.LearningRate / (1 - Math.Pow(step.Beta1, step.Number)));
        foreach (int i in used)
            copies?[i]?.copy_(masters[i]);
    }

    private static long[] Handles(IReadOnlyList<Tensor?> tensors)
    {
        var handles = new long[tensors.Count];
        for (int i = 0; i < handles.Length; i++)
            handles[i] = tensors[i]?.Handle ?? 0;
        return handles;
    }
#endif
}
