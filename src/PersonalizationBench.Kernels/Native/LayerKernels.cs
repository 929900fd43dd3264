namespace PersonalizationBench.Kernels;

/// <summary>native/layers.cpp, which says what each takes.</summary>
internal readonly unsafe struct LayerKernels(KernelSymbols symbols)
{
    /// <summary>x, w, y, inverses, epsilon</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, double, int> NormForward =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, double, int>)symbols["norm_forward"];

    /// <summary>x, w, g, inverses, dx, parts of dw</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> NormBackward =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["norm_backward"];

    /// <summary>x, cos, sin, y, sign</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, double, int> Rotate =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, double, int>)symbols["rotate"];

    /// <summary>gate, up, y</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, int> SwiGluForward =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, int>)symbols["swiglu_forward"];

    /// <summary>gate, up, g, dgate, dup</summary>
    public readonly delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> SwiGluBackward =
        (delegate* unmanaged<TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["swiglu_backward"];
}
