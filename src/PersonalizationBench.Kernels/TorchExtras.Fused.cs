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
    internal enum Operation
    {
        RmsNorm, Rotate, SwiGlu, CrossEntropy, Attention, AdamW, Norm, PackedLlama, StateSpace, StateSpaceNext,
    }

    /// <summary>The kernels to take for an operation, or null: operators. Kernels are for f32 and bf16 on the CPU.</summary>
    internal static KernelFunctions? Chosen(Operation operation, Tensor x) =>
        UseFused && x.device_type == DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.BFloat16 ? KernelLibrary.Current : null;

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
