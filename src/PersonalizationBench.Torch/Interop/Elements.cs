using TorchSharp;

namespace PersonalizationBench.Torch.Interop;

internal static class Elements
{
    /// <summary>The element type that holds a managed type's values.</summary>
    internal static torch.ScalarType TypeOf<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? torch.ScalarType.Float32
        : typeof(T) == typeof(long) ? torch.ScalarType.Int64
        : typeof(T) == typeof(int) ? torch.ScalarType.Int32
        : typeof(T) == typeof(double) ? torch.ScalarType.Float64
        : typeof(T) == typeof(bool) ? torch.ScalarType.Bool
        : typeof(T) == typeof(byte) ? torch.ScalarType.Byte
        : typeof(T) == typeof(sbyte) ? torch.ScalarType.Int8
        : typeof(T) == typeof(short) ? torch.ScalarType.Int16
        : typeof(T) == typeof(Half) ? torch.ScalarType.Float16
        : typeof(T) == typeof(BFloat16) ? torch.ScalarType.BFloat16
        : throw new ArgumentException($"no tensor has elements of {typeof(T).Name}");
}
