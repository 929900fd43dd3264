namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>Whether something was answered at all, right or wrong.</summary>
public static class Answered
{
    /// <summary>0 for nothing, and for the dataset's word for what is not known; else 1.</summary>
    public static double Score(string answer, string unknown)
    {
        var normalised = ExactMatch.Normalise(answer);
        return normalised.Length == 0 || normalised == ExactMatch.Normalise(unknown) ? 0 : 1;
    }
}
