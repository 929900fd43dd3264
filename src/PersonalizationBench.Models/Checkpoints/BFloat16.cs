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
        var halves = MemoryMarshal.Cast<byte, ushort>(bytes.AsSpan());
        for (var i = 0; i < values.Length; i++) halves[i] = FromSingle(values[i]);
        return bytes;
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
