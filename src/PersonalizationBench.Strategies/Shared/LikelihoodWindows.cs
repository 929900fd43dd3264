using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>
/// Splits the scoring of a text that can be longer than the context into requests, so that every token is scored
/// exactly once, whatever the prompt: bits per byte of different strategies are over the same bytes.
/// </summary>
/// <remarks>
/// The prompt stands in front of every window. The first window scores as many tokens as fit behind it; each further
/// one reads again the last half (rounded down) of the space as given text and scores as many tokens as then fit.
/// </remarks>
internal static class LikelihoodWindows
{
    /// <summary>Tokens that a prompt may take before a text of <paramref name="textTokens"/>: what the text leaves, and at
    /// least half of the context.</summary>
    public static int PromptRoom(int contextLength, int textTokens) => Math.Max(contextLength - textTokens, contextLength / 2);

    /// <summary>The requests; none for an empty text. The prompt must be shorter than the context.</summary>
    public static IEnumerable<ScoreRequest> Split(int[] prompt, int[] text, int contextLength, int slot)
    {
        var space = contextLength - prompt.Length;
        ArgumentOutOfRangeException.ThrowIfLessThan(space, 1);
        var carry = space / 2;
        for (int scored = 0, length; scored < text.Length; scored += length)
        {
            var read = scored == 0 ? 0 : carry;
            length = Math.Min(space - read, text.Length - scored);
            yield return new ScoreRequest([.. prompt, .. text[(scored - read)..scored]], text[scored..(scored + length)], slot);
        }
    }
}
