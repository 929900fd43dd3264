namespace PersonalizationBench.Strategies.Shared;

/// <summary>What can be wrong with the settings that all training has.</summary>
internal static class TrainingProblems
{
    public static IEnumerable<string> Of(int? steps, double epochs, int batch, double learningRate, double weightDecay)
    {
        if (steps < 1) yield return $"steps must be at least 1, not {steps}";
        if (!(epochs > 0 && double.IsFinite(epochs))) yield return FormattableString.Invariant($"epochs must be positive, not {epochs}");
        if (batch < 1) yield return $"batch must be at least 1, not {batch}";
        if (!(learningRate > 0 && double.IsFinite(learningRate))) yield return FormattableString.Invariant($"learning_rate must be positive, not {learningRate}");
        if (!(weightDecay >= 0 && double.IsFinite(weightDecay))) yield return FormattableString.Invariant($"weight_decay must not be negative, not {weightDecay}");
    }
}
