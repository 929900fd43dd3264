namespace PersonalizationBench.Kernels;

/// <summary>native/serving.cpp, which says what each takes.</summary>
internal readonly unsafe struct ServingKernels(KernelSymbols symbols)
{
    /// <summary>tensors, shape, epsilon, bf16, sites, how many, model</summary>
    public readonly delegate* unmanaged<TensorView*, long*, double, long, long*, long, nint*, int> Create =
        (delegate* unmanaged<TensorView*, long*, double, long, long*, long, nint*, int>)symbols["serving_create"];

    /// <summary>model, numbers, arrays</summary>
    public readonly delegate* unmanaged<nint, long*, void**, int> Step = (delegate* unmanaged<nint, long*, void**, int>)symbols["serving_step"];

    /// <summary>model</summary>
    public readonly delegate* unmanaged<nint, int> Free = (delegate* unmanaged<nint, int>)symbols["serving_free"];
}
