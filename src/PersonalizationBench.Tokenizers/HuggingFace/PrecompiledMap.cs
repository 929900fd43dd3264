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

    /// <param name="aligned">Well-formed.</param>
    public AlignedText Normalize(AlignedText aligned)
    {
        var text = aligned.Text;
        var result = new StringBuilder(text.Length);
        var alignment = aligned.Alignment is null ? null : new AlignmentBuilder(aligned);
        Span<byte> utf8 = stackalloc byte[3 * LongestWhole];
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            var cluster = rest[..StringInfo.GetNextTextElementLength(rest)];
            rest = rest[cluster.Length..];
            if (cluster.Length <= LongestWhole && Encoding.UTF8.GetBytes(cluster, utf8) is <= LongestWhole and var length && Find(utf8[..length]) is { } whole)
            {
                result.Append(whole);
                if (alignment is not null) Align(alignment, cluster, whole);
                continue;
            }
            foreach (var rune in cluster.EnumerateRunes())
            {
                if (Find(utf8[..rune.EncodeToUtf8(utf8)]) is { } replacement)
                {
                    result.Append(replacement);
                    if (alignment is not null) Align(alignment, rune.ToString(), replacement);
                    continue;
                }
                AppendRune(result, rune);
                alignment?.Put(rune.Utf16SequenceLength, change: 0);
            }
        }
        return new AlignedText(result.ToString(), alignment?.Result);
    }

    /// <summary>Characters stand for those in their places; what is left over of the new ones stands where the last of the old stood. What becomes
    /// nothing is passed over, but not at the very beginning: there the library tokenizers takes what follows to stand one place earlier.</summary>
    private static void Align(AlignmentBuilder alignment, ReadOnlySpan<char> old, string replacement)
    {
        var (left, right) = (CountRunes(old), CountRunes(replacement));
        if (right == 0 && !alignment.IsEmpty) alignment.Replace(old.Length, 0);
        var i = 0;
        foreach (var rune in replacement.EnumerateRunes())
        {
            alignment.Put(rune.Utf16SequenceLength, i >= left ? 1 : i == right - 1 ? right - left : 0);
            i++;
        }
    }

    private static int CountRunes(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes()) count++;
        return count;
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
