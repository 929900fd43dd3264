using Microsoft.ML.Tokenizers;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Library;

/// <summary>A tokenizer of Microsoft.ML.Tokenizers, opened from the files that only it reads, with what the suite asks of one beside.</summary>
/// <remarks>As <see cref="Tokenizer"/> it is the library's own, offsets in its normalized text included.</remarks>
public sealed class LibraryTokenizer : TextTokenizer
{
    private readonly Tokenizer _inner, _goingOn;
    private readonly HashSet<int> _special;
    private readonly int? _fused;

    /// <param name="inner">Adds no special tokens by itself.</param>
    /// <param name="goingOn">The same for a text that goes on after another one: nothing is put before it.</param>
    /// <param name="special">Every special token with its id; they are left out in decoding.</param>
    /// <param name="template">What is put around a text.</param>
    /// <param name="fused">An id of which several in a row are one, which the library leaves several.</param>
    internal LibraryTokenizer(Tokenizer inner, Tokenizer goingOn, int vocabularySize, (int? Begin, int? End) ends, IReadOnlyDictionary<string, int> special, Template template, int? fused)
    {
        (_inner, _goingOn, _fused, VocabularySize) = (inner, goingOn, fused, vocabularySize);
        (BeginOfText, EndOfText) = ends;
        _special = [.. special.Values];
        (Beginning, Ending) = (template.Before, template.After);
    }

    public override int VocabularySize { get; }

    public override int? BeginOfText { get; }

    public override int? EndOfText { get; }

    public override IReadOnlyList<int> Beginning { get; }

    public override IReadOnlyList<int> Ending { get; }

    public override Microsoft.ML.Tokenizers.PreTokenizer? PreTokenizer => _inner.PreTokenizer;

    public override Microsoft.ML.Tokenizers.Normalizer? Normalizer => _inner.Normalizer;

    public override int[] Encode(string text) => Fused(_inner.EncodeToIds(WellFormed(text)));

    public override int[] EncodeContinuation(string text) => Fused(_goingOn.EncodeToIds(WellFormed(text)));

    public override string Decode(ReadOnlySpan<int> ids)
    {
        var plain = new List<int>(ids.Length);
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize, nameof(ids));
            if (!_special.Contains(id)) plain.Add(id);
        }
        return _inner.Decode(plain) ?? "";
    }

    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var tokens = _inner.EncodeToTokens(text ?? textSpan.ToString(), out var normalized, settings.ConsiderPreTokenization, settings.ConsiderNormalization);
        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = normalized, CharsConsumed = (text?.Length ?? textSpan.Length) };
    }

    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var ids = _inner.EncodeToIds(text ?? textSpan.ToString(), settings.MaxTokenCount, out var normalized, out var consumed, settings.ConsiderPreTokenization, settings.ConsiderNormalization);
        return new EncodeResults<int> { Tokens = Fused(ids), NormalizedText = normalized, CharsConsumed = consumed };
    }

    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) => EncodeToIds(text, textSpan, settings).Tokens.Count;

    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        var whole = text ?? textSpan.ToString();
        return fromEnd ? _inner.GetIndexByTokenCountFromEnd(whole, settings.MaxTokenCount, out normalizedText, out tokenCount, settings.ConsiderPreTokenization, settings.ConsiderNormalization)
            : _inner.GetIndexByTokenCount(whole, settings.MaxTokenCount, out normalizedText, out tokenCount, settings.ConsiderPreTokenization, settings.ConsiderNormalization);
    }

    private int[] Fused(IReadOnlyList<int> ids) => _fused is null ? [.. ids] : [.. ids.Where((id, i) => id != _fused || i == 0 || ids[i - 1] != _fused)];
}
