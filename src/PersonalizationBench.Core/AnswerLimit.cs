namespace PersonalizationBench.Core;

/// <summary>
/// How many tokens an answer may take. A limit in tokens would mean something else for every tokenizer, so a dataset's limit is in
/// characters, and each base gets as many tokens as its own tokenizer needs for the longest accepted answer, and some more.
/// Only that number, the same for all questions, reaches a strategy.
/// </summary>
public static class AnswerLimit
{
    /// <summary>Room for the space before an answer, for its end, and for a word more: an answer that goes on is then seen to.</summary>
    private const int Room = 3;

    /// <summary>Tokens for every one of <paramref name="accepted"/>, at most one for each character of the limit.</summary>
    public static int Tokens(ITokenizer tokenizer, IEnumerable<string> accepted, int maxCharacters) =>
        Math.Min(maxCharacters, Room + accepted.Distinct().Select(a => Length(tokenizer, a)).DefaultIfEmpty(maxCharacters).Max());

    /// <inheritdoc cref="Tokens(ITokenizer, IEnumerable{string}, int)"/>
    public static int Tokens(ITokenizer tokenizer, Dataset dataset) => Tokens(tokenizer, Accepted(dataset.Users), dataset.MaxAnswerCharacters);

    /// <summary>The accepted answers that a tokenizer cannot say within the limit: they take more tokens than it allows, or come back from
    /// it as something else.</summary>
    public static IReadOnlyList<string> Unsayable(ITokenizer tokenizer, Dataset dataset) =>
        [.. Accepted(dataset.Users).Distinct().Where(a => Length(tokenizer, a) > dataset.MaxAnswerCharacters || tokenizer.Decode(tokenizer.EncodeContinuation(a)).Trim() != a.Trim())];

    /// <summary>What is accepted of answers in words.</summary>
    public static IEnumerable<string> Accepted(IEnumerable<User> users) => users.SelectMany(u => u.Probes).Where(p => p.Scoring == ProbeScoring.ExactMatch).SelectMany(p => p.Accepted);

    // With or without the space that goes before it, whichever the tokenizer makes more of.
    private static int Length(ITokenizer tokenizer, string text) => Math.Max(tokenizer.Encode(text).Length, tokenizer.EncodeContinuation(text).Length);
}
