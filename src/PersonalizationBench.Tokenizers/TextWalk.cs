using System.Text;

namespace PersonalizationBench.Tokenizers;

/// <summary>Goes through a text by the bytes of its UTF-8, in which tokens are measured, and gives the units of UTF-16 that they are part of.</summary>
internal ref struct TextWalk(string text)
{
    private int _unit;
    private int _byteInRune;

    /// <summary>What is left, from the next whole character on.</summary>
    public readonly ReadOnlySpan<char> Rest => text.AsSpan(_unit);

    public readonly byte NextByte
    {
        get
        {
            Span<byte> utf8 = stackalloc byte[4];
            Next().EncodeToUtf8(utf8);
            return utf8[_byteInRune];
        }
    }

    public void Skip(int units) => _unit += units;

    public Range Take(int units) => new(_unit, _unit += units);

    public Range TakeByte() => TakeBytes(1);

    public Range TakeRune() => TakeBytes(Next().Utf8SequenceLength);

    /// <summary>All units that one of the next bytes is part of.</summary>
    public Range TakeBytes(int bytes)
    {
        var (start, end) = (_unit, _unit);
        for (; bytes > 0; bytes--)
        {
            var rune = Next();
            end = _unit + Width;
            if (++_byteInRune == rune.Utf8SequenceLength) (_unit, _byteInRune) = (end, 0);
        }
        return new Range(start, end);
    }

    /// <summary>Units of the next character; a lone surrogate is one.</summary>
    private readonly int Width => Rune.DecodeFromUtf16(Rest, out _, out var width) == System.Buffers.OperationStatus.Done ? width : 1;

    private readonly Rune Next()
    {
        Rune.DecodeFromUtf16(Rest, out var rune, out _);
        return rune;
    }
}
