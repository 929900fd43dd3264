using MathNet.Numerics.Distributions;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>y = <see cref="Coefficient"/> * x ^ <see cref="Exponent"/>, a straight line through the logarithms.</summary>
/// <param name="Exponent">With the interval of a regression's slope: Student's t, n - 2 degrees of freedom.</param>
/// <param name="RSquared">Share of the variance of log y that the line explains.</param>
public sealed record PowerLaw(double Coefficient, Interval Exponent, double RSquared)
{
    /// <summary>Ordinary least squares on the logarithms.</summary>
    /// <exception cref="ArgumentException">Fewer than three points, a value that is not positive, or one x alone.</exception>
    public static PowerLaw Fit(IReadOnlyList<(double X, double Y)> points, double confidence = 0.95)
    {
        if (points.Count < 3) throw new ArgumentException("expected at least three points", nameof(points));
        if (points.Any(p => !(p.X > 0 && p.Y > 0))) throw new ArgumentException("expected positive values", nameof(points));
        var logs = points.Select(p => (X: Math.Log(p.X), Y: Math.Log(p.Y))).ToList();
        var (meanX, meanY) = (logs.Average(p => p.X), logs.Average(p => p.Y));
        var spread = logs.Sum(p => (p.X - meanX) * (p.X - meanX));
        if (spread == 0) throw new ArgumentException("expected values of x that differ", nameof(points));
        var slope = logs.Sum(p => (p.X - meanX) * (p.Y - meanY)) / spread;
        var rest = logs.Sum(p => Math.Pow(p.Y - meanY - (slope * (p.X - meanX)), 2));
        var variance = logs.Sum(p => (p.Y - meanY) * (p.Y - meanY));
        var error = Math.Sqrt(rest / (points.Count - 2) / spread);
        var half = StudentT.InvCDF(0, 1, points.Count - 2, 1 - ((1 - confidence) / 2)) * error;
        return new PowerLaw(
            Math.Exp(meanY - (slope * meanX)),
            new Interval(slope, slope - half, slope + half) { StandardError = error, Units = points.Count },
            variance == 0 ? 1 : 1 - (rest / variance));
    }

    /// <summary>The line's value.</summary>
    public double At(double x) => Coefficient * Math.Pow(x, Exponent.Estimate);
}
