using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>A stretch of a text: from a unit of UTF-16 up to, not with, another.</summary>
public readonly record struct TextRange(int Start, int End);

/// <summary>A text on its way through the steps, and where it comes from, if anybody asks.</summary>
/// <param name="Alignment">For each unit of UTF-16 of <paramref name="Text"/> the stretch of the first text that it stands for; null
/// where only ids are wanted.</param>
internal readonly record struct AlignedText(string Text, TextRange[]? Alignment = null)
{
    /// <summary>A stretch of the first text as it is: every character stands for itself.</summary>
    public static AlignedText Original(string text, int start, int end)
    {
        var alignment = new TextRange[end - start];
        for (var at = start; at < end;)
        {
            var next = at + WidthAt(text, at);
            for (var from = at; at < next; at++) alignment[at - start] = new TextRange(from, next);
        }
        return new AlignedText(text[start..end], alignment);
    }

    public AlignedText Slice(int start, int end) => new(Text[start..end], Alignment?[start..end]);

    /// <summary>A text of the same length, unit by unit.</summary>
    public AlignedText With(string text) => new(text, Alignment);

    /// <summary>Every character replaced by what <paramref name="map"/> gives, which stands for that character; null leaves it.</summary>
    public AlignedText Map(Func<Rune, string?> map)
    {
        StringBuilder? result = null;
        var alignment = Alignment is null ? null : new AlignmentBuilder(this);
        var at = 0;
        foreach (var rune in Text.EnumerateRunes())
        {
            if (map(rune) is { } replacement)
            {
                (result ??= new StringBuilder(Text, 0, at, Text.Length)).Append(replacement);
                alignment?.Replace(rune.Utf16SequenceLength, replacement.Length);
            }
            else
            {
                result?.Append(Text, at, rune.Utf16SequenceLength);
                alignment?.Keep(rune.Utf16SequenceLength);
            }
            at += rune.Utf16SequenceLength;
        }
        return result is null ? this : new AlignedText(result.ToString(), alignment?.Result);
    }

    /// <summary>In one of Unicode's normalization forms.</summary>
    public AlignedText Normalized(NormalizationForm form)
    {
        var alignment = Alignment is null ? null : new AlignmentBuilder(this);
        var normalized = UnicodeNormalization.Normalize(Text, form, alignment);
        return ReferenceEquals(normalized, Text) ? this : new AlignedText(normalized, alignment?.Result);
    }

    public static int WidthAt(string text, int at) => char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;
}

/// <summary>Makes the alignment of a text that another one is changed to, from its beginning to its end.</summary>
internal sealed class AlignmentBuilder(AlignedText before) : ITextChanges
{
    private readonly TextRange[] _before = before.Alignment!;
    private readonly List<TextRange> _after = new(before.Text.Length + 8);
    private int _at;

    public TextRange[] Result => [.. _after];

    public bool IsEmpty => _after.Count == 0;

    public void Keep(int units)
    {
        _after.AddRange(_before.AsSpan(_at, units));
        _at += units;
    }

    /// <summary>The next units become others, which all stand where the last of them stood.</summary>
    public void Replace(int units, int others)
    {
        _at += units;
        Insert(others);
    }

    /// <summary>Units that stand where the one before them stood, or at the beginning the one after them.</summary>
    public void Insert(int units)
    {
        for (; units > 0; units--) _after.Add(_before[Math.Max(0, _at - 1)]);
    }

    /// <summary>As the library tokenizers has it, a character that replaces several stands for the first of them.</summary>
    public void Put(int units, int change)
    {
        if (change > 0 || _at == _before.Length)
        {
            Insert(units);
            return;
        }
        for (; units > 0; units--) _after.Add(_before[_at]);
        for (; change <= 0 && _at < _before.Length; change++) _at += AlignedText.WidthAt(before.Text, _at);
    }
}
