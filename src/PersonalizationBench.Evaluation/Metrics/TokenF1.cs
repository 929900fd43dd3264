namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>How far an answer's words are those of an accepted one: SQuAD's F1 (<see cref="AnswerTokens"/>).</summary>
public static class TokenF1
{
    /// <summary>The best over <paramref name="accepted"/>, 0..1: 2 x common / (answer + accepted), words counted as often as they stand. Where
    /// either has no word, 1 if both have none, else 0.</summary>
    public static double Score(string answer, IReadOnlyList<string> accepted)
    {
        var ours = AnswerTokens.Of(answer);
        return accepted.Max(a => Score(ours, AnswerTokens.Of(a)));
    }

    private static double Score(string[] answer, string[] accepted)
    {
        if (answer.Length == 0 || accepted.Length == 0) return answer.Length == accepted.Length ? 1 : 0;
        var left = accepted.CountBy(w => w).ToDictionary();
        var common = 0;
        foreach (var word in answer)
        {
            if (left.GetValueOrDefault(word) == 0) continue;
            left[word]--;
            common++;
        }
        return 2.0 * common / (answer.Length + accepted.Length);
    }
}
