using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>How the learning rate goes from its peak to its end.</summary>
public enum LearningRateSchedule
{
    Constant,
    Linear,
    Cosine,
}

/// <summary>Linear warm-up from 0 to the peak, then a schedule to the end over the remaining steps.</summary>
/// <param name="Peak">Reached when the warm-up ends.</param>
/// <param name="Final">At the last step; ignored by <see cref="LearningRateSchedule.Constant"/>.</param>
/// <param name="WarmupSteps">Steps of the warm-up.</param>
/// <param name="Steps">All steps, warm-up included.</param>
/// <param name="Schedule">The way from peak to end.</param>
public readonly record struct LearningRate(double Peak, double Final, int WarmupSteps, int Steps, LearningRateSchedule Schedule)
{
    /// <summary>The rate of step <paramref name="step"/> (0 is the first).</summary>
    public double At(int step)
    {
        if (step < WarmupSteps) return Peak * (step + 1) / WarmupSteps;
        var done = Steps - WarmupSteps <= 1 ? 1.0 : Math.Min(1.0, (step - WarmupSteps) / (double)(Steps - WarmupSteps - 1));
        return Schedule switch
        {
            LearningRateSchedule.Constant => Peak,
            LearningRateSchedule.Linear => Peak + (Final - Peak) * done,
            LearningRateSchedule.Cosine => Final + (Peak - Final) * 0.5 * (1 + Math.Cos(Math.PI * done)),
            _ => throw new PbenchException($"learning rate schedule {Schedule} is unknown"),
        };
    }
}
