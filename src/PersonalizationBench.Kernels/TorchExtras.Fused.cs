using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>What TorchSharp does not have, or has slower: each by a kernel where one is chosen, and composed of operators elsewhere.</summary>
public static partial class TorchExtras
{
    /// <summary>False makes every method take its composed path, whatever the level of kernels: for comparing the two.</summary>
    public static bool UseFused { get; set; } = true;

    /// <summary>What a kernel may do in place of operators.</summary>
    public enum Operation
    {
        RmsNorm, Rotate, SwiGlu, CrossEntropy, Attention, AdamW, Norm, PackedLlama, StateSpace, StateSpaceNext,
    }

    /// <summary>The kernels to take for an operation, or null: operators, where <see cref="KernelChoice"/> has them faster or there is no kernel.</summary>
    /// <param name="elements">Of all tensors that the operation goes through; null: those of <paramref name="x"/>.</param>
    internal static KernelFunctions? Chosen(Operation operation, Tensor x, long? elements = null) =>
        IsForKernels(x) && KernelLibrary.Current is { } kernels &&
        KernelChoice.Takes(kernels.Level, operation, x.dtype, elements ?? x.numel(), is_grad_enabled() && x.requires_grad) ? kernels : null;

    /// <summary>Kernels are for f32 and bf16 on the CPU.</summary>
    private static bool IsForKernels(Tensor x) => UseFused && x.device_type == DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>The tensor, or a copy of it in a type, without gaps and without a graph.</summary>
    internal static Tensor Contiguous(Tensor x, ScalarType? type = null)
    {
        if ((type is null || x.dtype == type) && x.is_contiguous()) return x;
        using IDisposable _ = no_grad();
        return (type is { } other ? x.to(other) : x).contiguous();
    }

    private static ReadOnlySpan<long> Longs(Tensor contiguous) => MemoryMarshal.Cast<byte, long>(contiguous.bytes);

    private static string Shape(Tensor x) => $"[{string.Join(", ", x.shape)}]";
}
