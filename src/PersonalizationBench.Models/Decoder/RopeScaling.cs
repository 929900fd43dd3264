namespace PersonalizationBench.Models;

/// <summary>How the rotary frequencies of a model were changed for a longer context.</summary>
/// <param name="Factor">Frequencies are divided by it.</param>
public abstract record RopeScaling(double Factor)
{
    /// <param name="frequency">Radians per position.</param>
    public abstract double Of(double frequency);
}

/// <summary>All alike (Chen et al., 2023, arXiv:2306.15595).</summary>
public sealed record LinearRopeScaling(double Factor) : RopeScaling(Factor)
{
    public override double Of(double frequency) => frequency / Factor;
}

/// <summary>Slow channels alone, with a ramp between (Llama 3.1; Grattafiori et al., 2024, arXiv:2407.21783).</summary>
/// <param name="LowFrequencyFactor">Turns in the original context at or below which a channel is divided wholly.</param>
/// <param name="HighFrequencyFactor">Turns above which it is left alone.</param>
/// <param name="OriginalContext">Positions that the model was first trained on.</param>
public sealed record Llama3RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext) : RopeScaling(Factor)
{
    public override double Of(double frequency)
    {
        var turns = OriginalContext * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor), 0, 1);
        return (1 - kept) * frequency / Factor + kept * frequency;
    }
}
