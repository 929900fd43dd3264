using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>
/// A CPU tensor as kernels see it (native/view.h): memory, type, shape and strides. It keeps nothing alive: the tensor must be kept
/// (<see cref="GC.KeepAlive"/>) until the kernel has returned.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe partial struct TensorView
{
    public const int MaxDims = 5;

    private nint _memory;
    private int _type, _dims;
    private fixed long _sizes[MaxDims];
    private fixed long _strides[MaxDims];

    /// <summary>No tensor.</summary>
    public static TensorView None => default;

    public readonly nint Memory => _memory;

    /// <summary>Whether the last dimension's elements lie side by side.</summary>
    public readonly bool RowsWithoutGaps => _dims == 0 || _strides[_dims - 1] == 1;

    /// <summary>The tensor as it is; null gives <see cref="None"/>.</summary>
    public static TensorView Of(Tensor? tensor)
    {
        if (tensor is null) return default;
        var handle = HandleOf(tensor);
        var view = new TensorView { _memory = THSTensor_data(handle), _type = THSTensor_type(handle), _dims = (int)THSTensor_ndimension(handle) };
        if (view._dims > MaxDims) throw new ArgumentException($"a tensor of {view._dims} dimensions; kernels take up to {MaxDims}", nameof(tensor));
        for (var i = 0; i < view._dims; i++)
        {
            view._sizes[i] = THSTensor_size(handle, i);
            view._strides[i] = THSTensor_stride(handle, i);
        }
        return view;
    }

    /// <summary>A contiguous tensor as [numel / width, width], of whatever dimensions it is.</summary>
    public static TensorView OfRows(Tensor contiguous, long width)
    {
        var handle = HandleOf(contiguous);
        var view = new TensorView { _memory = THSTensor_data(handle), _type = THSTensor_type(handle), _dims = 2 };
        view._sizes[0] = width == 0 ? 0 : contiguous.numel() / width;
        view._sizes[1] = view._strides[0] = width;
        view._strides[1] = 1;
        return view;
    }

    /// <summary>Some columns of a view in two dimensions whose rows have no gaps within.</summary>
    public readonly TensorView Narrow(long start, long count)
    {
        var view = this;
        view._memory += (nint)(start * (_type == (int)ScalarType.BFloat16 ? 2 : 4));
        view._sizes[1] = count;
        return view;
    }

    // A kernel reads memory: that of another device is not the process's.
    private static nint HandleOf(Tensor tensor) =>
        THSTensor_device_type(tensor.Handle) == (int)DeviceType.CPU ? tensor.Handle : throw new ArgumentException($"a tensor on {tensor.device} where a kernel takes one on the CPU", nameof(tensor));

    // As TorchSharp declares them, but without the transition to native code: each reads a field.
    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial nint THSTensor_data(nint handle);

    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial int THSTensor_device_type(nint handle);

    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial sbyte THSTensor_type(nint handle);

    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial long THSTensor_ndimension(nint handle);

    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial long THSTensor_size(nint handle, long dim);

    [LibraryImport("LibTorchSharp")]
    [SuppressGCTransition]
    private static partial long THSTensor_stride(nint handle, long dim);
}
