using Microsoft.ML.Tokenizers;

namespace PersonalizationBench.Tokenizers;

/// <summary>A tokenizer that knows which stretch of a text each of its tokens stands for, and counts and cuts by that.</summary>
/// <remarks>
/// <para>Offsets are units of UTF-16 of the text as given, whatever normalization did to it, so no normalized text is handed back; what cannot be left
/// out (<c>considerNormalization</c> or <c>considerPreTokenization</c> false) is refused.</para>
/// <para>Where a text is cut after a number of tokens, it is cut between characters: tokens that share a character are kept or dropped together.</para>
/// </remarks>
public abstract class OffsetTokenizer : TextTokenizer
{
    /// <summary>The ids of <see cref="TextTokenizer.Encode"/>, each with its token and the units of <paramref name="text"/> that it stands for.</summary>
    public abstract IReadOnlyList<EncodedToken> EncodeWithOffsets(string text);

    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var whole = Whole(text, textSpan, settings);
        if (settings.MaxTokenCount == int.MaxValue) return new EncodeResults<int> { Tokens = Encode(whole), CharsConsumed = whole.Length };
        var (tokens, consumed) = Beginnings(whole, settings.MaxTokenCount);
        return new EncodeResults<int> { Tokens = [.. tokens.Select(t => t.Id)], CharsConsumed = consumed };
    }

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var whole = Whole(text, textSpan, settings);
        var (tokens, consumed) = Beginnings(whole, settings.MaxTokenCount);
        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = consumed };
    }

    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) => EncodeToIds(text, textSpan, settings).Tokens.Count;

    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        normalizedText = null;
        var whole = Whole(text, textSpan, settings);
        var tokens = EncodeWithOffsets(whole);
        var kept = fromEnd ? FittingFromEnd(tokens, settings.MaxTokenCount) : Fitting(tokens, settings.MaxTokenCount);
        tokenCount = kept;
        if (kept == tokens.Count) return fromEnd ? 0 : whole.Length;
        return fromEnd ? (kept == 0 ? whole.Length : tokens[^kept].Offset.Start.Value) : kept == 0 ? 0 : tokens[kept - 1].Offset.End.Value;
    }

    private static string Whole(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (!settings.ConsiderNormalization || !settings.ConsiderPreTokenization) throw new NotSupportedException("a text is always normalized and split: expected considerNormalization and considerPreTokenization to be true");
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.MaxTokenCount, 1);
        return text ?? textSpan.ToString();
    }

    private (IReadOnlyList<EncodedToken> Tokens, int Consumed) Beginnings(string text, int most)
    {
        var tokens = EncodeWithOffsets(text);
        var kept = Fitting(tokens, most);
        return kept == tokens.Count ? (tokens, text.Length) : ([.. tokens.Take(kept)], kept == 0 ? 0 : tokens[kept - 1].Offset.End.Value);
    }

    /// <summary>How many of the first tokens are kept: the next one begins where the last of them ends, or later.</summary>
    private static int Fitting(IReadOnlyList<EncodedToken> tokens, int most)
    {
        if (tokens.Count <= most) return tokens.Count;
        var kept = most;
        while (kept > 0 && tokens[kept].Offset.Start.Value < tokens[kept - 1].Offset.End.Value) kept--;
        return kept;
    }

    private static int FittingFromEnd(IReadOnlyList<EncodedToken> tokens, int most)
    {
        if (tokens.Count <= most) return tokens.Count;
        var kept = most;
        while (kept > 0 && tokens[^kept].Offset.Start.Value < tokens[tokens.Count - kept - 1].Offset.End.Value) kept--;
        return kept;
    }
}
