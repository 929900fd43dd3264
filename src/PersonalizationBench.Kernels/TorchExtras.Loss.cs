using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>Softmax cross-entropy with a weight for each token. Divide the weights by their sum for a mean: the backward pass is then free.</summary>
    /// <param name="logits">[N, V], f32 or bf16</param>
    /// <param name="targets">[N], int64; a negative one is left out</param>
    /// <param name="weights">[N], f32, or null for ones</param>
    /// <param name="overwrite">lets the gradient be written over the logits, which then hold no logits any more</param>
    /// <returns>sum of weight times loss, a scalar that backward goes from; the loss of each token, [N] f32, without a gradient</returns>
    public static (Tensor Total, Tensor Losses) CrossEntropy(Tensor logits, Tensor targets, Tensor? weights = null, bool overwrite = false)
    {
        if (logits.dim() != 2 || targets.dim() != 1 || targets.size(0) != logits.size(0))
            throw new ArgumentException($"CrossEntropy: logits [N, V] and targets [N], not {Shape(logits)} and {Shape(targets)}");
        if (targets.dtype != ScalarType.Int64 || targets.device_type != logits.device_type)
            throw new ArgumentException($"CrossEntropy: targets must be int64 where the logits are, not {targets.dtype} on {targets.device}");
        if (weights is not null && (weights.dtype != ScalarType.Float32 || weights.dim() != 1 || weights.size(0) != targets.size(0)))
            throw new ArgumentException($"CrossEntropy: weights must be float, one per target, not {weights.dtype} {Shape(weights)}");
        using DisposeScope scope = NewDisposeScope();
        if (targets.device_type == DeviceType.CPU) CheckTargets(Longs(Contiguous(targets)), logits.size(1));
        if (Chosen(Operation.CrossEntropy, logits) is { } kernels)
        {
            (Tensor fused, Tensor losses) = CrossEntropy(kernels, logits, targets, weights, overwrite);
            return scope.MoveToOuter(fused, losses);
        }
        Tensor each = nn.functional.cross_entropy(logits.to(ScalarType.Float32), targets.masked_fill(targets < 0, -100), reduction: nn.Reduction.None);
        Tensor sum = (weights is null ? each : each.mul(weights)).sum();
        return scope.MoveToOuter(sum, each.detach());
    }

    private static void CheckTargets(ReadOnlySpan<long> targets, long classes)
    {
        for (int row = 0; row < targets.Length; row++)
            if (targets[row] >= classes) throw new ArgumentException($"CrossEntropy: target {targets[row]} of row {row} is beyond the {classes} classes");
    }

    // Called within a scope.
    private static unsafe (Tensor Total, Tensor Losses) CrossEntropy(KernelFunctions kernels, Tensor logits, Tensor targets, Tensor? weights, bool overwrite)
    {
        Tensor x = Contiguous(logits), t = Contiguous(targets);
        Tensor? w = weights is null ? null : Contiguous(weights);
        Tensor losses = empty([x.size(0)], ScalarType.Float32, x.device), total = empty([], ScalarType.Float32, x.device);
        Tensor? gradient = !Gradient.Wanted(logits) ? null : overwrite ? x.detach() : empty_like(x);
        TensorView from = TensorView.Of(x), at = TensorView.Of(t), by = TensorView.Of(w), each = TensorView.Of(losses), sum = TensorView.Of(total), to = TensorView.Of(gradient);
        kernels.Check(kernels.Loss.CrossEntropy(&from, &at, &by, &each, &sum, &to), nameof(CrossEntropy));
        GC.KeepAlive((x, t, w, losses, total));
        if (gradient is null) return (total, losses);
        return (Gradient.Attach(total, [logits], [gradient], static (saved, incoming) => [Scaled(saved[0], incoming)]), losses);
    }

    /// <summary>A gradient that was computed with the loss, times that of the loss.</summary>
    internal static Tensor Scaled(Tensor gradient, Tensor incoming)
    {
        float scale = incoming.item<float>();
        return scale == 1 ? gradient : gradient.mul(scale);
    }
}
