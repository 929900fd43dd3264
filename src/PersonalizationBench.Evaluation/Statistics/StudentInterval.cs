using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>The textbook interval of a mean, for a handful of repeated runs.</summary>
public static class StudentInterval
{
    /// <summary>mean -+ t s / sqrt(n) with n - 1 degrees of freedom; of a single value, the value itself with
    /// <see cref="Interval.Units"/> 1: there is then no interval to speak of.</summary>
    public static Interval Mean(IReadOnlyList<double> values, double confidence = 0.95)
    {
        ArgumentOutOfRangeException.ThrowIfZero(values.Count);
        var (n, mean) = (values.Count, values.Average());
        if (n == 1) return new Interval(mean, mean, mean) { Units = 1 };
        var error = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (n - 1) / n);
        var half = StudentT.InvCDF(0, 1, n - 1, 1 - ((1 - confidence) / 2)) * error;
        return new Interval(mean, mean - half, mean + half) { StandardError = error, Units = n };
    }
}
