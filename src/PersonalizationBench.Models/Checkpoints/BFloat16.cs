using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>bf16 at rest: the upper half of an IEEE single, rounded to nearest, ties to even.</summary>
public static class BFloat16
{
    /// <summary>Rounds one value. NaN stays NaN (quiet), what rounds above the largest finite value becomes infinite.</summary>
    public static ushort FromSingle(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x0040);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Exact.</summary>
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Little-endian bf16 bytes of <paramref name="values"/>.</summary>
    public static byte[] FromSingles(ReadOnlySpan<float> values)
    {
        var bytes = new byte[2 * values.Length];
        FromSingles(values, MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan()));
        return bytes;
    }

    /// <summary><see cref="FromSingle"/> of each; <paramref name="halves"/> has room for all.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromSingles(ReadOnlySpan<float> values, Span<ushort> halves)
    {
        var (i, lanes) = (0, Vector<float>.Count);
        for (; i + 2 * lanes <= values.Length; i += 2 * lanes)
            Vector.Narrow(Rounded(new Vector<float>(values[i..])), Rounded(new Vector<float>(values[(i + lanes)..]))).CopyTo(halves[i..]);
        for (; i < values.Length; i++) halves[i] = FromSingle(values[i]);

        static Vector<uint> Rounded(Vector<float> values)
        {
            var bits = Vector.AsVectorUInt32(values);
            var upper = Vector.ShiftRightLogical(bits, 16);
            var rounded = Vector.ShiftRightLogical(bits + new Vector<uint>(0x7FFF) + (upper & Vector<uint>.One), 16);
            return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(values, values)), rounded, upper | new Vector<uint>(0x0040));
        }
    }

    /// <summary>The values of little-endian bf16 bytes.</summary>
    public static float[] ToSingles(ReadOnlySpan<byte> bytes)
    {
        var halves = MemoryMarshal.Cast<byte, ushort>(bytes);
        var values = new float[halves.Length];
        for (var i = 0; i < values.Length; i++) values[i] = ToSingle(halves[i]);
        return values;
    }
}
