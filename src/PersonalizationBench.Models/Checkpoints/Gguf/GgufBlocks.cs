using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// From ggml's blocks to f32. A block of 32 elements has a scale d and, in the types that end in 1, a lowest value m, both float16; a
/// super-block of 256 (the types that end in K) has eight or sixteen scales of six or eight bits, themselves scaled by d and, with lowest
/// values, by dmin (https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h).
/// </summary>
internal static class GgufBlocks
{
    private const int Small = 32, Large = 256;

    /// <summary>Blocks that a core takes at a time.</summary>
    private const int Chunk = 4096;

    /// <summary>Of whole blocks.</summary>
    public static float[] ToSingles(GgufElement element, ReadOnlyMemory<byte> bytes)
    {
        var (elements, size) = GgufElements.BlockOf(element);
        var blocks = bytes.Length / size;
        var values = new float[(long)blocks * elements];
        // Many at once where a block is one number.
        var chunk = elements == 1 ? Chunk * Small : Chunk;
        var parts = (blocks + chunk - 1) / chunk;
        if (parts <= 1) Decode(element, bytes.Span, values);
        else
            Parallel.For(0, parts, part =>
            {
                var (start, count) = (part * chunk, Math.Min(chunk, blocks - part * chunk));
                Decode(element, bytes.Span.Slice(start * size, count * size), values.AsSpan(start * elements, count * elements));
            });
        return values;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Decode(GgufElement element, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        switch (element)
        {
            case GgufElement.F32: MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values); return;
            case GgufElement.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (var i = 0; i < halves.Length; i++) values[i] = (float)halves[i];
                return;
            case GgufElement.BF16:
                var upper = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (var i = 0; i < upper.Length; i++) values[i] = BFloat16.ToSingle(upper[i]);
                return;
        }
        var (elements, size) = GgufElements.BlockOf(element);
        Span<byte> levels = stackalloc byte[elements];
        for (; bytes.Length > 0; bytes = bytes[size..], values = values[elements..])
        {
            var block = bytes[..size];
            switch (element)
            {
                case GgufElement.Q4_0: Nibbles(block[2..], levels); Scale(levels, Half(block, 0), -8 * Half(block, 0), values); break;
                case GgufElement.Q4_1: Nibbles(block[4..], levels); Scale(levels, Half(block, 0), Half(block, 2), values); break;
                case GgufElement.Q5_0: Fives(block[2..], levels); Scale(levels, Half(block, 0), -16 * Half(block, 0), values); break;
                case GgufElement.Q5_1: Fives(block[4..], levels); Scale(levels, Half(block, 0), Half(block, 2), values); break;
                case GgufElement.Q8_0: Eights(block, values); break;
                case GgufElement.Q4_K: FourK(block, levels, values); break;
                case GgufElement.Q5_K: FiveK(block, levels, values); break;
                case GgufElement.Q6_K: SixK(block, values); break;
            }
        }
    }

    /// <summary>Two levels a byte, the lower halves first, then the upper ones.</summary>
    private static void Nibbles(ReadOnlySpan<byte> packed, Span<byte> levels)
    {
        var half = levels.Length / 2;
        var (i, lanes) = (0, Vector<byte>.Count);
        var mask = new Vector<byte>(0x0F);
        for (; i + lanes <= half; i += lanes)
        {
            var both = new Vector<byte>(packed[i..]);
            (both & mask).CopyTo(levels[i..]);
            (Vector.AsVectorByte(Vector.ShiftRightLogical(Vector.AsVectorUInt16(both), 4)) & mask).CopyTo(levels[(half + i)..]);
        }
        for (; i < half; i++) (levels[i], levels[half + i]) = ((byte)(packed[i] & 0x0F), (byte)(packed[i] >> 4));
    }

    /// <summary>The same with a fifth bit each, those of all levels first.</summary>
    private static void Fives(ReadOnlySpan<byte> packed, Span<byte> levels)
    {
        Nibbles(packed[4..], levels);
        var fifth = MemoryMarshal.Read<uint>(packed);
        for (var i = 0; i < Small; i++) levels[i] |= (byte)(((fifth >> i) & 1) << 4);
    }

    private static void Eights(ReadOnlySpan<byte> block, Span<float> values)
    {
        var d = Half(block, 0);
        var levels = MemoryMarshal.Cast<byte, sbyte>(block[2..]);
        for (var i = 0; i < Small; i++) values[i] = d * levels[i];
    }

    private static void FourK(ReadOnlySpan<byte> block, Span<byte> levels, Span<float> values)
    {
        var packed = block[16..];
        for (var pair = 0; pair < Large / 64; pair++) Nibbles(packed.Slice(pair * Small, Small), levels.Slice(pair * 64, 64));
        ScaleK(block, levels, values);
    }

    private static void FiveK(ReadOnlySpan<byte> block, Span<byte> levels, Span<float> values)
    {
        var fifth = block.Slice(16, Small);
        var packed = block[48..];
        for (var pair = 0; pair < Large / 64; pair++) Nibbles(packed.Slice(pair * Small, Small), levels.Slice(pair * 64, 64));
        for (var group = 0; group < Large / Small; group++)
            for (var i = 0; i < Small; i++)
                levels[group * Small + i] |= (byte)(((fifth[i] >> group) & 1) << 4);
        ScaleK(block, levels, values);
    }

    /// <summary>Groups of 32, each with a scale and a lowest value of six bits.</summary>
    private static void ScaleK(ReadOnlySpan<byte> block, ReadOnlySpan<byte> levels, Span<float> values)
    {
        var (d, lowest) = (Half(block, 0), Half(block, 2));
        var packed = block.Slice(4, 12);
        for (var group = 0; group < Large / Small; group++)
        {
            // Of the first four groups the lower six bits of a byte; of the others four bits, and the two that those bytes have left.
            var (scale, least) = group < 4
                ? (packed[group] & 63, packed[group + 4] & 63)
                : ((packed[group + 4] & 0x0F) | ((packed[group - 4] >> 6) << 4), (packed[group + 4] >> 4) | ((packed[group] >> 6) << 4));
            Scale(levels.Slice(group * Small, Small), d * scale, -(lowest * least), values.Slice(group * Small, Small));
        }
    }

    /// <summary>Groups of 16 with a scale of eight bits; of each level four bits in one place and two in another.</summary>
    private static void SixK(ReadOnlySpan<byte> block, Span<float> values)
    {
        var d = Half(block, 208);
        var scales = MemoryMarshal.Cast<byte, sbyte>(block.Slice(192, 16));
        for (var half = 0; half < 2; half++)
        {
            var low = block.Slice(half * 64, 64);
            var high = block.Slice(128 + half * Small, Small);
            for (var row = 0; row < 4; row++)
            {
                for (var i = 0; i < Small; i++)
                {
                    var four = low[(row & 1) * Small + i] >> (row < 2 ? 0 : 4) & 0x0F;
                    var level = (four | (high[i] >> (2 * row) & 3) << 4) - 32;
                    values[half * 128 + row * Small + i] = d * scales[half * 8 + row * 2 + i / 16] * level;
                }
            }
        }
    }

    /// <summary>levels * scale + lowest, each product rounded before the sum: the reference's values to the bit.</summary>
    private static void Scale(ReadOnlySpan<byte> levels, float scale, float lowest, Span<float> values)
    {
        for (var i = 0; i < levels.Length; i++)
        {
            var product = levels[i] * scale;
            values[i] = product + lowest;
        }
    }

    private static float Half(ReadOnlySpan<byte> block, int at) => (float)MemoryMarshal.Read<Half>(block[at..]);
}
