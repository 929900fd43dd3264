using System.Runtime.InteropServices;

namespace PersonalizationBench.Kernels;

/// <summary>native/loss.cpp, which says what it takes.</summary>
internal readonly unsafe struct LossKernels(KernelSymbols symbols)
{
    /// <summary>logits, targets, weights, losses, total, gradient</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> CrossEntropy =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["cross_entropy"];
}

/// <summary>native/adamw.cpp, which says what each takes.</summary>
internal readonly unsafe struct OptimizerKernels(KernelSymbols symbols)
{
    /// <summary>parameters, count, step, numbers</summary>
    public readonly delegate* unmanaged<Parameter*, long, long, double*, int> AdamW = (delegate* unmanaged<Parameter*, long, long, double*, int>)symbols["adamw"];

    /// <summary>tensors, count, norm</summary>
    public readonly delegate* unmanaged<TensorView*, long, double*, int> Norm = (delegate* unmanaged<TensorView*, long, double*, int>)symbols["norm"];

    [StructLayout(LayoutKind.Sequential)]
    public struct Parameter
    {
        public nint Master, Copy;
        public TensorView Gradient;
        public nint Mean, Variance;
    }
}

/// <summary>native/attention.cpp, which says what each takes; for levels from <see cref="KernelLevel.Avx512Bf16"/> on.</summary>
internal readonly unsafe struct AttentionKernels(KernelSymbols symbols)
{
    /// <summary>q, k, v, lengths, result, normals</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> Forward =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["attention_forward"];

    /// <summary>q, k, v, lengths, result, normals, gradient, dq, dk, dv behind each other</summary>
    public readonly delegate* unmanaged<TensorView*, int> Backward = (delegate* unmanaged<TensorView*, int>)symbols["attention_backward"];
}

/// <summary>native/llama.cpp, which says what each takes; for levels from <see cref="KernelLevel.Avx512Bf16"/> on.</summary>
internal readonly unsafe struct LlamaKernels(KernelSymbols symbols)
{
    /// <summary>shape, epsilon, model</summary>
    public readonly delegate* unmanaged<long*, double, nint*, int> New = (delegate* unmanaged<long*, double, nint*, int>)symbols["llama_new"];

    /// <summary>model, tensors, count</summary>
    public readonly delegate* unmanaged<nint, TensorView*, long, int> Pack = (delegate* unmanaged<nint, TensorView*, long, int>)symbols["llama_pack"];

    /// <summary>model</summary>
    public readonly delegate* unmanaged<nint, int> Free = (delegate* unmanaged<nint, int>)symbols["llama_free"];

    /// <summary>model, views, groups, scaling, adapters, count, backward</summary>
    public readonly delegate* unmanaged<nint, TensorView*, long, double, StackedAdapter*, long, int, int> Adapters =
        (delegate* unmanaged<nint, TensorView*, long, double, StackedAdapter*, long, int, int>)symbols["llama_adapters"];

    /// <summary>model, views, tied, gradients</summary>
    public readonly delegate* unmanaged<nint, TensorView*, int, TensorView*, int> Weights =
        (delegate* unmanaged<nint, TensorView*, int, TensorView*, int>)symbols["llama_weights"];

    [StructLayout(LayoutKind.Sequential)]
    public struct StackedAdapter
    {
        public long Layer, Product;
        public TensorView A, B, GradientA, GradientB;
    }
}
