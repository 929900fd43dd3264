using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// The operations of which a Llama is made, in one place: composed of plain libtorch operators here, replaced by fused
/// ones where the binding has them. Norms, softmax and losses are computed in f32 whatever the inputs' type.
/// </summary>
internal static class Kernels
{
    /// <summary><c>x / rms(x) * weight</c> over the last dimension (Zhang and Sennrich, 2019, arXiv:1910.07467).</summary>
    /// <param name="x">[N, d], any type; the result has the same.</param>
    /// <param name="weight">[d], f32.</param>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
        var wide = x.to(ScalarType.Float32);
        var inverse = wide.square().mean([-1], keepdim: true).add(epsilon).rsqrt();
        return wide.mul(inverse).mul(weight).to(x.dtype);
    }

    /// <summary>Rotary positions in Hugging Face's convention: channel i turns with channel i + d/2 (Su et al., 2021, arXiv:2104.09864).</summary>
    /// <param name="x">[B, T, H, d]</param>
    /// <param name="cos">[B or 1, T, 1, d/2], f32</param>
    /// <param name="sin">As <paramref name="cos"/>.</param>
    public static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        var half = x.size(-1) / 2;
        var (a, b) = (x.narrow(-1, 0, half), x.narrow(-1, half, half));
        return cat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], -1).to(x.dtype);
    }

    /// <summary><c>silu(gate) * up</c> (Shazeer, 2020, arXiv:2002.05202).</summary>
    public static Tensor SwiGlu(Tensor gate, Tensor up) => gate.silu().mul(up);

    /// <summary>Every position attends to itself and those before it.</summary>
    /// <param name="query">[B, T, H, d]</param>
    /// <param name="key">[B, T, K, d] with K dividing H; query head h reads key head h / (H / K).</param>
    /// <param name="value">As <paramref name="key"/>.</param>
    /// <returns>[B, T, H * d]</returns>
    public static Tensor CausalAttention(Tensor query, Tensor key, Tensor value)
    {
        var (batch, length, heads, width) = (query.size(0), query.size(1), query.size(2), query.size(3));
        var (q, k, v) = (query.transpose(1, 2), Repeated(key, heads).transpose(1, 2), Repeated(value, heads).transpose(1, 2));
        var future = ones([length, length], ScalarType.Bool, query.device).triu(1);
        var scores = q.matmul(k.transpose(-2, -1)).mul(1 / Math.Sqrt(width));
        var shares = scores.masked_fill(future, double.NegativeInfinity).softmax(-1, ScalarType.Float32).to(query.dtype);
        return shares.matmul(v).transpose(1, 2).reshape(batch, length, heads * width);
    }

    /// <summary>Queries that look back into a cache.</summary>
    /// <param name="query">[B, T, H, d]</param>
    /// <param name="keys">[B, K, S, d]</param>
    /// <param name="values">[B, K, S, d]</param>
    /// <param name="hidden">[B, 1, T, S], true where a query must not look.</param>
    /// <returns>[B, T, H * d]</returns>
    public static Tensor CachedAttention(Tensor query, Tensor keys, Tensor values, Tensor hidden)
    {
        var (batch, length, heads, width) = (query.size(0), query.size(1), query.size(2), query.size(3));
        var (keyHeads, span) = (keys.size(1), keys.size(2));
        var group = heads / keyHeads;
        // The heads that share a key head are further rows of one product: nothing is repeated.
        var q = query.transpose(1, 2).reshape(batch * keyHeads, group * length, width);
        var scores = q.bmm(keys.reshape(batch * keyHeads, span, width).transpose(1, 2)).mul(1 / Math.Sqrt(width));
        var shares = scores.view(batch, heads, length, span).masked_fill(hidden, double.NegativeInfinity).softmax(-1, ScalarType.Float32).to(query.dtype);
        return shares.view(batch * keyHeads, group * length, span).bmm(values.reshape(batch * keyHeads, span, width))
            .view(batch, heads, length, width).transpose(1, 2).reshape(batch, length, heads * width);
    }

    /// <summary>Negative log-likelihood of each target, f32.</summary>
    /// <param name="logits">[N, V]</param>
    /// <param name="targets">[N], int64</param>
    /// <returns>[N]</returns>
    public static Tensor TokenLosses(Tensor logits, Tensor targets) =>
        logits.log_softmax(-1, ScalarType.Float32).gather(1, targets.unsqueeze(1)).squeeze(1).neg();

    /// <summary>One step of AdamW (Loshchilov and Hutter, 2017, arXiv:1711.05101), in place.</summary>
    /// <param name="master">f32</param>
    /// <param name="copy">The copy used in products, refreshed from the master; may be the master.</param>
    /// <param name="gradient">Of the master's shape, any floating type.</param>
    /// <param name="step">1 for the first.</param>
    public static void AdamW(Tensor master, Tensor copy, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step)
    {
        var g = gradient.to(ScalarType.Float32).mul(step.GradientScale);
        mean.mul_(step.Beta1).add_(g, 1 - step.Beta1);
        variance.mul_(step.Beta2).addcmul_(g, g, 1 - step.Beta2);
        var denominator = variance.div(1 - Math.Pow(step.Beta2, step.Number)).sqrt_().add_(step.Epsilon);
        master.mul_(1 - step.LearningRate * step.WeightDecay).addcdiv_(mean, denominator, -step.LearningRate / (1 - Math.Pow(step.Beta1, step.Number)));
        if (!ReferenceEquals(copy, master)) copy.copy_(master);
    }

    /// <summary>The Euclidean norm of each group's part of some gradients; the group is their first dimension unless there is only one.</summary>
    public static double[] GroupNorms(IReadOnlyList<Tensor> gradients, int groups)
    {
        var squares = gradients.Select(g => g.to(ScalarType.Float32).reshape(groups, -1).square().sum(1)).ToList();
        return [.. stack(squares).sum(0).sqrt().cpu().data<float>().ToArray().Select(n => (double)n)];
    }

    /// <summary>True where bf16 products are faster than f32 ones: any GPU, and processors with AMX or AVX512-BF16.</summary>
    public static bool FastBFloat16(string device) => device != "cpu" || File.ReadAllText("/proc/cpuinfo").Contains("amx_bf16", StringComparison.Ordinal);

    private static Tensor Repeated(Tensor heads, long count)
    {
        var (batch, length, own, width) = (heads.size(0), heads.size(1), heads.size(2), heads.size(3));
        return own == count ? heads : heads.unsqueeze(3).expand(batch, length, own, count / own, width).reshape(batch, length, count, width);
    }
}

/// <summary>The numbers of one AdamW step.</summary>
internal readonly record struct AdamWStep(int Number, double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, double GradientScale);
