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

    /// <summary>The mean over runs (seeds) of one that each took over the same users: Student's t over the users, with the runs' own variance
    /// added (<see cref="SeedVariance"/>). Where runs do not say how their users differed, that of the runs alone.</summary>
    /// <param name="runs">What each came to, and the standard error of that over users.</param>
    public static Interval OfRuns(IReadOnlyList<(double Value, double? Error)> runs, int users, double confidence = 0.95)
    {
        var values = runs.Select(r => r.Value).ToList();
        if (users < 2 || runs.Any(r => r.Error is null)) return Mean(values, confidence);
        var error = Math.Sqrt(runs.Average(r => r.Error!.Value * r.Error.Value));
        var (mean, half) = (values.Average(), StudentT.InvCDF(0, 1, users - 1, 1 - ((1 - confidence) / 2)) * error);
        var overUsers = new Interval(mean, mean - half, mean + half) { StandardError = error, Units = users, Seeds = runs.Count };
        return SeedVariance.Add(overUsers, SeedVariance.OfValues(values), runs.Count, range: null, confidence);
    }
}
