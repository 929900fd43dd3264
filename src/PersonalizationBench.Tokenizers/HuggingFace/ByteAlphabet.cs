using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// GPT-2's spelling of bytes as printable characters, so that a vocabulary of byte strings can be JSON: the 188 printable ones
/// of Latin-1 stand for themselves, the other 68 are U+0100 and on, in their order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = new char[256];
    private static readonly short[] Bytes = new short[0x100 + 68];

    static ByteAlphabet()
    {
        Array.Fill(Bytes, (short)-1);
        var next = '\u0100';
        for (var b = 0; b < 256; b++)
        {
            var character = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)b : next++;
            Characters[b] = character;
            Bytes[character] = (short)b;
        }
    }

    public static string ToCharacters(string text)
    {
        var buffer = new ArrayBufferWriter<char>(text.Length + 16);
        Append(text, buffer);
        return buffer.WrittenSpan.ToString();
    }

    /// <summary>Appends the characters of the text's UTF-8; returns how many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Append(ReadOnlySpan<char> text, ArrayBufferWriter<char> buffer)
    {
        var into = buffer.GetSpan(3 * text.Length);
        Span<byte> utf8 = stackalloc byte[4];
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] < 0x80)
            {
                into[count++] = Characters[text[i]];
                continue;
            }
            Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
            foreach (var b in utf8[..rune.EncodeToUtf8(utf8)]) into[count++] = Characters[b];
            i += consumed - 1;
        }
        buffer.Advance(count);
        return count;
    }

    /// <summary>Appends the bytes that a token's characters stand for; of a token with any other character, its UTF-8.</summary>
    public static void AppendBytes(string token, ArrayBufferWriter<byte> into)
    {
        var bytes = into.GetSpan(token.Length);
        for (var i = 0; i < token.Length; i++)
        {
            var b = token[i] < Bytes.Length ? Bytes[token[i]] : (short)-1;
            if (b < 0)
            {
                Encoding.UTF8.GetBytes(token, into);
                return;
            }
            bytes[i] = (byte)b;
        }
        into.Advance(token.Length);
    }
}
