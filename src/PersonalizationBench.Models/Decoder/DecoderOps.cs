using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// What a decoder needs beside the operators of libtorch and of <see cref="TorchExtras"/>. Softmax and losses are computed in
/// f32 whatever the inputs' type.
/// </summary>
internal static class DecoderOps
{
    /// <summary>By the model's kind of norm, computed in f32; the result has the type of <paramref name="x"/>.</summary>
    /// <param name="x">[N, d]</param>
    public static Tensor Norm(DecoderConfig config, Tensor x, Affine norm) => config.Norm == NormKind.Rms
        ? TorchExtras.RmsNorm(x, norm.Weight, config.NormEpsilon)
        : nn.functional.layer_norm(x.to(ScalarType.Float32), [config.Dimension], norm.Weight, norm.Bias, config.NormEpsilon).to(x.dtype);

    /// <summary>Queries that see some of the keys, such as those of a cache.</summary>
    /// <param name="query">[B, T, H, d]</param>
    /// <param name="keys">[B, K, S, d]</param>
    /// <param name="values">[B, K, S, d]</param>
    /// <param name="hidden">[B or 1, 1, T, S], true where a query must not look.</param>
    /// <param name="cap">c where scores x are c tanh(x / c); null: they are as they come.</param>
    /// <returns>[B, T, H * d]</returns>
    public static Tensor Attention(Tensor query, Tensor keys, Tensor values, Tensor hidden, double? cap)
    {
        var (batch, length, heads, width) = (query.size(0), query.size(1), query.size(2), query.size(3));
        var (keyHeads, span) = (keys.size(1), keys.size(2));
        var group = heads / keyHeads;
        // The heads that share a key head are further rows of one product: nothing is repeated.
        var q = query.transpose(1, 2).reshape(batch * keyHeads, group * length, width);
        var scores = q.mul(1 / Math.Sqrt(width)).bmm(keys.reshape(batch * keyHeads, span, width).transpose(1, 2));
        if (cap is { } bound) scores = Capped(scores, bound);
        var shares = scores.view(batch, heads, length, span).masked_fill_(hidden, double.NegativeInfinity).softmax(-1);
        return shares.view(batch * keyHeads, group * length, span).bmm(values.reshape(batch * keyHeads, span, width))
            .view(batch, heads, length, width).transpose(1, 2).reshape(batch, length, heads * width);
    }

    /// <summary>c tanh(x / c).</summary>
    public static Tensor Capped(Tensor x, double cap) => x.div(cap).tanh().mul(cap);

    /// <summary>Negative log-likelihood of each target, f32, without a gradient.</summary>
    /// <param name="logits">[N, V]</param>
    /// <param name="targets">[N], int64</param>
    /// <returns>[N]</returns>
    public static Tensor TokenLosses(Tensor logits, Tensor targets) => TorchExtras.CrossEntropy(logits, targets).Losses;

    /// <summary>The Euclidean norm of each group's part of some gradients; the group is their first dimension unless there is only one.</summary>
    public static double[] GroupNorms(IReadOnlyList<Tensor> gradients, int groups)
    {
        if (groups == 1) return [TorchExtras.Norm(gradients)];
        var squares = gradients.Select(g => g.to(ScalarType.Float32).reshape(groups, -1).square().sum(1)).ToList();
        // Dimensions as a list: a plain 0 would be taken for an element type.
        return [.. stack(squares).sum([0]).sqrt().cpu().data<float>().ToArray().Select(n => (double)n)];
    }

    /// <summary>True where bf16 products are faster than f32 ones: any GPU, and processors that have them in hardware.</summary>
    public static bool FastBFloat16(string device) => device != "cpu" || Engine.FastBFloat16;
}
