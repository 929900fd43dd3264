using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// SentencePiece's table of what characters become (<c>precompiled_charsmap</c>): a tree of byte strings as a double array
/// (darts-clone's units of 32 bits), at whose leaves stand positions in the replacements, each ended by a zero byte.
/// </summary>
/// <remarks>As the library tokenizers uses it, not as SentencePiece does: a text is gone through by grapheme clusters, and one of
/// up to five bytes becomes as a whole what its shortest known beginning becomes; else its characters are looked up one by one.</remarks>
internal sealed class PrecompiledMap
{
    private const int LongestWhole = 5;

    private readonly uint[] _units;
    private readonly byte[] _replacements;

    private PrecompiledMap(uint[] units, byte[] replacements) => (_units, _replacements) = (units, replacements);

    public static PrecompiledMap Read(JsonPart part)
    {
        var map = part.Required("precompiled_charsmap");
        var bytes = new byte[map.String().Length];
        if (!Convert.TryFromBase64String(map.String(), bytes, out var length)) throw map.Error("expected base64");
        var table = bytes.AsSpan(0, length);
        if (length < 8) throw map.Error($"expected a table of at least 8 bytes, found {length}");
        var treeLength = BinaryPrimitives.ReadUInt32LittleEndian(table);
        if (treeLength == 0 || treeLength % 4 != 0 || treeLength > length - 4) throw map.Error($"expected a tree in units of 4 bytes, {length - 4} at most, found {treeLength}");
        var units = MemoryMarshal.Cast<byte, uint>(table.Slice(4, (int)treeLength)).ToArray();
        if (!BitConverter.IsLittleEndian) BinaryPrimitives.ReverseEndianness(units, units);
        var replacements = table[(4 + (int)treeLength)..];
        return Utf8.IsValid(replacements) ? new PrecompiledMap(units, replacements.ToArray()) : throw map.Error("the replacements are not UTF-8");
    }

    /// <param name="text">Well-formed.</param>
    public string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        Span<byte> utf8 = stackalloc byte[3 * LongestWhole];
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var cluster = rest[..StringInfo.GetNextTextElementLength(rest)];
            rest = rest[cluster.Length..];
            if (cluster.Length <= LongestWhole && Encoding.UTF8.GetBytes(cluster, utf8) is <= LongestWhole and var length && Find(utf8[..length]) is { } whole)
            {
                result.Append(whole);
                continue;
            }
            foreach (var rune in cluster.EnumerateRunes())
            {
                if (Find(utf8[..rune.EncodeToUtf8(utf8)]) is { } replacement) result.Append(replacement);
                else AppendRune(result, rune);
            }
        }
        return result.ToString();
    }

    private static void AppendRune(StringBuilder result, Rune rune)
    {
        Span<char> units = stackalloc char[2];
        result.Append(units[..rune.EncodeToUtf16(units)]);
    }

    /// <summary>What the shortest beginning that is known becomes; null where none is. Whatever a damaged table points at beyond
    /// its end is not known.</summary>
    private string? Find(ReadOnlySpan<byte> key)
    {
        var at = Offset(_units[0]);
        foreach (var b in key)
        {
            at ^= b;
            if (b == 0 || at >= _units.Length) return null;
            var unit = _units[at];
            // The highest bit marks a leaf's value, which no byte leads to.
            if ((unit & 0x800000FF) != b) return null;
            at ^= Offset(unit);
            if ((unit & 0x100) == 0) continue;
            return at < _units.Length && (int)(_units[at] & int.MaxValue) is var begin && begin < _replacements.Length ? Replacement(begin) : null;
        }
        return null;
    }

    private string Replacement(int begin)
    {
        var rest = _replacements.AsSpan(begin);
        return Encoding.UTF8.GetString(rest.IndexOf((byte)0) is >= 0 and var length ? rest[..length] : rest);
    }

    /// <summary>What a position is xor-ed with to come to a unit's children: 21 bits, in steps of 256 where bit 9 is set.</summary>
    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
