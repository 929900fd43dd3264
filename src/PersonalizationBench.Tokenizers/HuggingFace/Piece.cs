namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Whether a piece stands at the beginning of the whole text; where that goes on after another one, nothing may be put before it.</summary>
internal enum Place
{
    Inside,
    Beginning,
    GoingOn,
}

/// <summary>A stretch of a text, which the model turns into tokens by itself.</summary>
/// <param name="Alignment">Of the whole <paramref name="Text"/>, as in <see cref="AlignedText"/>.</param>
internal readonly record struct Piece(string Text, TextRange[]? Alignment, int Start, int Length, Place Place)
{
    public Piece(AlignedText text, Place place) : this(text.Text, text.Alignment, 0, text.Text.Length, place) { }

    public AlignedText Aligned => new AlignedText(Text, Alignment).Slice(Start, Start + Length);

    public ReadOnlySpan<char> Span => Text.AsSpan(Start, Length);

    /// <summary>A part of this piece; only the first one keeps its place.</summary>
    public Piece Slice(int start, int end) => new(Text, Alignment, Start + start, end - start, start == 0 ? Place : Place.Inside);
}

/// <summary>What becomes of the matches that a text is split at.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Splits a piece at matches: of an expression, or of characters of a kind.</summary>
internal static class Splitting
{
    public static SplitBehavior ReadBehavior(JsonPart part) => part.String() switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        var other => throw part.Error($"behavior '{other}' is not read; expected {string.Join(", ", Enum.GetNames<SplitBehavior>())}"),
    };

    /// <summary>Every character of the kind, each a match of its own.</summary>
    public static List<(int Start, int End)> MatchesOf(ReadOnlySpan<char> text, Func<System.Text.Rune, bool> isMatch)
    {
        var matches = new List<(int, int)>();
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (isMatch(rune)) matches.Add((at, at + rune.Utf16SequenceLength));
            at += rune.Utf16SequenceLength;
        }
        return matches;
    }

    /// <param name="invert">True where the matches are what is kept and the text between them is the delimiter.</param>
    public static void Split(Piece piece, List<(int Start, int End)> matches, SplitBehavior behavior, bool invert, List<Piece> into)
    {
        var parts = new List<(int Start, int End, bool IsDelimiter)>(2 * matches.Count + 1);
        var done = 0;
        foreach (var (start, end) in matches)
        {
            if (start > done) parts.Add((done, start, invert));
            parts.Add((start, end, !invert));
            done = end;
        }
        if (done < piece.Length) parts.Add((done, piece.Length, invert));
        for (var i = 0; i < parts.Count; i++)
        {
            var (start, end, isDelimiter) = parts[i];
            switch (behavior)
            {
                case SplitBehavior.Removed when isDelimiter:
                    continue;
                case SplitBehavior.Contiguous:
                    while (i + 1 < parts.Count && parts[i + 1].IsDelimiter == isDelimiter) end = parts[++i].End;
                    break;
                // Of several delimiters in a row only the first joins what is before them, or the last what is after them.
                case SplitBehavior.MergedWithPrevious when !isDelimiter && i + 1 < parts.Count && parts[i + 1].IsDelimiter:
                case SplitBehavior.MergedWithNext when isDelimiter && i + 1 < parts.Count && !parts[i + 1].IsDelimiter:
                    end = parts[++i].End;
                    break;
            }
            if (end > start) into.Add(piece.Slice(start, end));
        }
    }
}
