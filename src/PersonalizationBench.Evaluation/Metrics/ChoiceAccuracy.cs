namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>Whether the likeliest of the given choices is an accepted answer.</summary>
public static class ChoiceAccuracy
{
    /// <summary>1 or 0. <paramref name="choice"/> is an index into <paramref name="choices"/>.</summary>
    public static double Score(int choice, IReadOnlyList<string> choices, IEnumerable<string> accepted)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(choice);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(choice, choices.Count);
        return ExactMatch.Score(choices[choice], accepted);
    }
}
