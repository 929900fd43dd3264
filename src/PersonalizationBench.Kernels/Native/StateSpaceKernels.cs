using System.Runtime.InteropServices;

namespace PersonalizationBench.Kernels;

/// <summary>native/state_space.h: the shape of a Mamba-2 mixer and its limits, as kernels take them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct StateSpaceNumbers(StateSpaceShape shape, double epsilon)
{
    private readonly long _heads = shape.Heads, _width = shape.HeadDimension, _state = shape.StateSize, _groups = shape.Groups, _taps = shape.ConvolutionWidth;
    private readonly double _minStep = shape.MinStep, _maxStep = shape.MaxStep ?? double.PositiveInfinity, _epsilon = epsilon;
}

/// <summary>native/state_space.cpp, which says what each takes.</summary>
internal readonly unsafe struct StateSpaceKernels(KernelSymbols symbols)
{
    /// <summary>numbers, six weights, projected, spans, result, scanned, inverses, kept inputs, kept states</summary>
    public readonly delegate* unmanaged<StateSpaceNumbers*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> Forward =
        (delegate* unmanaged<StateSpaceNumbers*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["state_space_forward"];

    /// <summary>numbers, six weights, projected, spans, scanned, inverses, gradient, seven gradients</summary>
    public readonly delegate* unmanaged<StateSpaceNumbers*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> Backward =
        (delegate* unmanaged<StateSpaceNumbers*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["state_space_backward"];

    /// <summary>numbers, six weights, projected, kept inputs, kept states, result</summary>
    public readonly delegate* unmanaged<StateSpaceNumbers*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int> Next =
        (delegate* unmanaged<StateSpaceNumbers*, TensorView*, TensorView*, TensorView*, TensorView*, TensorView*, int>)symbols["state_space_next"];
}
