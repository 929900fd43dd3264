using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>
    /// False makes every method take its composed path: for comparing the two. The fast path is taken on the CPU, for f32 and bf16.
    /// </summary>
    public static bool UseFused { get; set; } = true;

    /// <summary><c>x / sqrt(mean(x²) + epsilon) * weight</c> over the last dimension, computed in f32.</summary>
    /// <param name="x">[..., d]; the result has its type</param>
    /// <param name="weight">[d], f32 or bf16</param>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32);
        Tensor inverse = wide.square().mean([-1], keepdim: true).add(epsilon).rsqrt();
        return scope.MoveToOuter(wide.mul(inverse).mul(weight).to(x.dtype));
    }

    /// <summary>Rotary positions: channel i turns with channel i + d/2.</summary>
    /// <param name="x">[B, T, H, d], of any strides but the last</param>
    /// <param name="cos">[B or 1, T, 1, d/2], f32</param>
    /// <param name="sin">as <paramref name="cos"/></param>
    /// <returns>[B, T, H, d], contiguous</returns>
    public static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        using DisposeScope scope = NewDisposeScope();
        long half = x.size(-1) / 2;
        Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
        return scope.MoveToOuter(cat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1).to(x.dtype));
    }

    /// <summary><c>silu(gate) * up</c>.</summary>
    /// <param name="gate">[..., f]</param>
    /// <param name="up">[..., f]</param>
    public static Tensor SwiGlu(Tensor gate, Tensor up)
    {
        using Tensor open = gate.silu();
        return open.mul(up);
    }

    /// <summary><see cref="SwiGlu(Tensor, Tensor)"/> of the halves of one projection's output: one product for both, one gradient back.</summary>
    /// <param name="gateAndUp">[..., 2 f]</param>
    /// <returns>[..., f]</returns>
    public static Tensor SwiGlu(Tensor gateAndUp)
    {
        using DisposeScope scope = NewDisposeScope();
        long half = gateAndUp.size(-1) / 2;
        return scope.MoveToOuter(gateAndUp.narrow(-1, 0, half).silu().mul(gateAndUp.narrow(-1, half, half)));
    }

    /// <summary>Softmax cross-entropy with a weight for each token. Divide the weights by their sum for a mean: the backward pass is then free.</summary>
    /// <param name="logits">[N, V], f32 or bf16</param>
    /// <param name="targets">[N], int64; a negative one is left out</param>
    /// <param name="weights">[N], f32, or null for ones</param>
    /// <param name="overwrite">lets the gradient be written over the logits, which then hold no logits any more</param>
    /// <returns>sum of weight times loss, a scalar that backward goes from; the loss of each token, [N] f32, without a gradient</returns>
    public static (Tensor Total, Tensor Losses) CrossEntropy(Tensor logits, Tensor targets, Tensor? weights = null, bool overwrite = false)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor each = nn.functional.cross_entropy(logits.to(ScalarType.Float32), targets.where(targets >= 0, full_like(targets, -100)), reduction: nn.Reduction.None);
        Tensor sum = (weights is null ? each : each.mul(weights)).sum();
        return scope.MoveToOuter(sum, each.detach());
    }

}
