using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>The causal convolution of each channel by itself, and its silu, that Mamba and Mamba-2 begin with; in the type of its weights.</summary>
internal static class ShortConvolution
{
    /// <summary>Sequences from their beginning, with what is not there yet before them.</summary>
    /// <param name="mixed">[B, T, mixed]</param>
    /// <returns>[B, K - 1 + T, mixed]</returns>
    public static Tensor FromStart(RecurrentShape shape, Tensor mixed) =>
        cat([zeros([mixed.size(0), shape.ConvolutionWidth - 1, shape.Mixed], mixed.dtype, mixed.device), mixed], 1);

    /// <param name="weight">[mixed, K]</param>
    /// <param name="bias">[mixed]</param>
    /// <param name="seen">[B, K - 1 + T, mixed]</param>
    /// <returns>[B, T, mixed], of the weights' type</returns>
    public static Tensor Of(Tensor weight, Tensor? bias, Tensor seen)
    {
        var (wide, width) = (seen.to(weight.dtype), weight.size(1));
        var length = seen.size(1) - width + 1;
        var sum = wide.narrow(1, 0, length).mul(weight.select(1, 0));
        for (var k = 1; k < width; k++) sum = sum.add(wide.narrow(1, k, length).mul(weight.select(1, k)));
        return (bias is not null ? sum.add(bias) : sum).silu();
    }
}
