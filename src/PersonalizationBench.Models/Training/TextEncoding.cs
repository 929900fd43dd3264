using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Models;

/// <summary>Token ids of one training sequence and how much each counts as a target.</summary>
/// <param name="Ids">What is put before every text first, except in the later pieces of a cut text.</param>
/// <param name="Weights">As long as <paramref name="Ids"/>; the first is never a target.</param>
public sealed record TokenSequence(int[] Ids, float[] Weights)
{
    /// <summary>As long as <see cref="Ids"/>: what is to be predicted where it is not the token itself; null: it always is.</summary>
    public TokenDistribution?[]? Soft { get; init; }
}

/// <summary>
/// Texts to ids, the same way in training and in answering. A text that goes on after another one is encoded as a
/// continuation: without the dummy space that llama2.c's tokenizer puts before a text, and without the single space
/// that the word tokenizer implies between words.
/// </summary>
public static class TextEncoding
{
    /// <summary>What is put before every text, and the text.</summary>
    public static int[] Prompt(ITokenizer tokenizer, string text) => tokenizer.Begun(Start(tokenizer, text));

    /// <summary>Ids of a text that follows another one.</summary>
    public static int[] Continuation(ITokenizer tokenizer, string text) => tokenizer switch
    {
        WordTokenizer => tokenizer.Encode(Unspaced(text)),
        _ => tokenizer.EncodeContinuation(text),
    };

    /// <summary>A training text as sequences of at most <paramref name="maxTokens"/> read tokens (one more is predicted);
    /// a longer one is cut, each piece beginning with the last target of the one before.</summary>
    public static IEnumerable<TokenSequence> Sequences(ITokenizer tokenizer, TrainingText text, int maxTokens)
    {
        var (ids, weights) = (tokenizer.Beginning.ToList(), tokenizer.Beginning.Select(_ => 0f).ToList());
        foreach (var segment in text.Segments)
        {
            var encoded = ids.Count == tokenizer.Beginning.Count ? Start(tokenizer, segment.Text) : Continuation(tokenizer, segment.Text);
            ids.AddRange(encoded);
            weights.AddRange(Enumerable.Repeat(segment.Weight, encoded.Length));
        }
        var soft = SoftTargets(text, ids.Count);
        for (var start = 0; start + 1 < ids.Count; start += maxTokens)
        {
            var count = Math.Min(maxTokens + 1, ids.Count - start);
            yield return new TokenSequence([.. ids.GetRange(start, count)], [.. weights.GetRange(start, count)]) { Soft = soft?[start..(start + count)] };
        }
    }

    private static TokenDistribution?[]? SoftTargets(TrainingText text, int length)
    {
        if (text.SoftEnding is not { } ending) return null;
        if (ending.Count >= length) throw new ArgumentException($"{ending.Count} distributions for a text of {length} tokens, of which the first is not predicted", nameof(text));
        return [.. Enumerable.Repeat<TokenDistribution?>(null, length - ending.Count), .. ending];
    }

    private static int[] Start(ITokenizer tokenizer, string text) => tokenizer.Encode(tokenizer is WordTokenizer ? Unspaced(text) : text);

    private static string Unspaced(string text)
    {
        var from = text.StartsWith(' ') ? 1 : 0;
        var to = text.EndsWith(' ') && text.Length > from ? text.Length - 1 : text.Length;
        return text[from..to];
    }
}
