namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>Whether an accepted answer stands within an answer, word for word and in order (<see cref="AnswerTokens"/>): what a base that
/// answers in sentences is held to.</summary>
public static class Contains
{
    /// <summary>1 or 0. An accepted answer without a word, such as an article alone, stands nowhere.</summary>
    public static double Score(string answer, IEnumerable<string> accepted)
    {
        var words = AnswerTokens.Of(answer);
        return accepted.Select(AnswerTokens.Of).Any(a => a.Length > 0 && Enumerable.Range(0, Math.Max(0, words.Length - a.Length + 1)).Any(at => words.AsSpan(at, a.Length).SequenceEqual(a))) ? 1 : 0;
    }
}
