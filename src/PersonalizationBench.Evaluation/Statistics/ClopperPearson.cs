using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>The exact interval for a share of independent yes-or-no outcomes (Clopper and Pearson, Biometrika 26, 1934).</summary>
public static class ClopperPearson
{
    public static Interval Of(int successes, int trials, double confidence = 0.95)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(trials);
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        var tail = (1 - confidence) / 2;
        var low = successes == 0 ? 0 : Beta.InvCDF(successes, trials - successes + 1, tail);
        var high = successes == trials ? 1 : Beta.InvCDF(successes + 1, trials - successes, 1 - tail);
        return new Interval(successes / (double)trials, low, high) { Units = trials };
    }
}
