using System.Runtime.InteropServices;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="Name">Unique in the file.</param>
/// <param name="DType">As safetensors writes it: F32, F16, BF16, I64, ...</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the file's start.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct TensorEntry(string Name, string DType, long[] Shape, long Offset, long Length);

/// <summary>A tensor in memory: row-major little-endian bytes with their type and shape.</summary>
public sealed record TensorData(string Name, string DType, long[] Shape, ReadOnlyMemory<byte> Bytes)
{
    public static TensorData FromSingles(string name, float[] values, params long[] shape) =>
        new(name, "F32", shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
}

/// <summary>The element types that safetensors defines.</summary>
public static class TensorDTypes
{
    private static readonly Dictionary<string, int> Sizes = new (int Bytes, string[] Names)[]
    {
        (1, ["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"]),
        (2, ["I16", "U16", "F16", "BF16"]),
        (4, ["I32", "U32", "F32"]),
        (8, ["I64", "U64", "F64"]),
    }.SelectMany(size => size.Names.Select(name => (name, size.Bytes))).ToDictionary(StringComparer.Ordinal);

    public static IReadOnlyCollection<string> Known => Sizes.Keys;

    /// <summary>Those that <see cref="ToSingles"/> takes.</summary>
    public static readonly IReadOnlyList<string> Floating = ["F32", "F16", "BF16", "F64"];

    /// <summary>Bytes per element; null for a type that is not known.</summary>
    public static int? SizeOf(string dtype) => Sizes.TryGetValue(dtype, out var size) ? size : null;

    /// <summary>Bytes of a whole tensor; null where a size is negative or the product is beyond 63 bits.</summary>
    public static long? ByteLength(int elementSize, ReadOnlySpan<long> shape)
    {
        // Zero sizes are taken last: 2^62 x 2^62 x 0 is refused, as the reference reader does.
        Int128 length = elementSize;
        foreach (var size in shape)
        {
            if (size < 0) return null;
            length *= size;
            if (length > long.MaxValue) return null;
        }
        return (long)length;
    }

    /// <summary>Floating-point elements as f32; exact for F32, F16 and BF16, rounded for F64. Other types are refused.</summary>
    public static float[] ToSingles(string dtype, ReadOnlySpan<byte> bytes, string source)
    {
        switch (dtype)
        {
            case "F32": return MemoryMarshal.Cast<byte, float>(bytes).ToArray();
            case "BF16": return BFloat16.ToSingles(bytes);
            case "F16":
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                var fromHalves = new float[halves.Length];
                for (var i = 0; i < halves.Length; i++) fromHalves[i] = (float)halves[i];
                return fromHalves;
            case "F64":
                var doubles = MemoryMarshal.Cast<byte, double>(bytes);
                var fromDoubles = new float[doubles.Length];
                for (var i = 0; i < doubles.Length; i++) fromDoubles[i] = (float)doubles[i];
                return fromDoubles;
            default:
                throw new PbenchException($"{source}: expected a floating-point tensor (F32, F16, BF16 or F64), found {dtype}");
        }
    }
}
