namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>Whether a generated answer is one of the accepted ones, up to case, spacing and final punctuation.</summary>
public static class ExactMatch
{
    private const string FinalPunctuation = ".,;:!? ";

    /// <summary>1 if <paramref name="answer"/> equals one of <paramref name="accepted"/> after <see cref="Normalise"/>, else 0.</summary>
    public static double Score(string answer, IEnumerable<string> accepted)
    {
        var normalised = Normalise(answer);
        return accepted.Any(a => Normalise(a) == normalised) ? 1 : 0;
    }

    /// <summary>Share of <paramref name="answers"/> that say <paramref name="word"/> and nothing else, such as "unknown"; null for no answers.</summary>
    public static double? ShareSaying(string word, IReadOnlyCollection<string> answers) =>
        answers.Count == 0 ? null : answers.Average(a => Score(a, [word]));

    /// <summary>Lower case (invariant), runs of white space as one space, none at the ends, no punctuation at the end.</summary>
    public static string Normalise(string text) =>
        string.Join(' ', text.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd(FinalPunctuation.ToCharArray());
}
