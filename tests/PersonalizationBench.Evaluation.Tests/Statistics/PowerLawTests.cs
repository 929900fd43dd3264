using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

public sealed class PowerLawTests
{
    [Fact]
    public void A_law_without_noise_is_found()
    {
        var fit = PowerLaw.Fit([.. new[] { 1e5, 3e5, 1e6, 1e7 }.Select(x => (x, 7.5 * Math.Pow(x, -0.076)))]);
        Assert.Equal(7.5, fit.Coefficient, 1e-9);
        Assert.Equal(-0.076, fit.Exponent.Estimate, 1e-12);
        Assert.Equal(1, fit.RSquared, 1e-12);
        Assert.Equal(7.5 * Math.Pow(2e6, -0.076), fit.At(2e6), 1e-9);
    }

    [Fact]
    public void The_interval_is_that_of_a_regressions_slope()
    {
        // Residuals orthogonal to both 1 and log x, so the slope is exactly -0.47; s^2 = 0.04 / 2, Sxx = 5, t(2, 97.5 %) = 4.302653.
        var fit = PowerLaw.Fit([.. new[] { 0.1, -0.1, -0.1, 0.1 }.Select((e, i) => (Math.Exp(i), Math.Exp(1 - (0.47 * i) + e)))]);
        Assert.Equal(-0.47, fit.Exponent.Estimate, 1e-12);
        Assert.Equal(Math.Sqrt(0.02 / 5), fit.Exponent.StandardError, 1e-12);
        Assert.Equal(-0.47 - (4.302653 * Math.Sqrt(0.02 / 5)), fit.Exponent.Low, 1e-6);
        Assert.Equal(-0.47 + (4.302653 * Math.Sqrt(0.02 / 5)), fit.Exponent.High, 1e-6);
        Assert.Equal(1 - (0.04 / (0.04 + (0.47 * 0.47 * 5))), fit.RSquared, 1e-12);
    }

    [Fact]
    public void What_has_no_line_is_refused()
    {
        Assert.Throws<ArgumentException>(() => PowerLaw.Fit([(1, 1), (2, 1)]));
        Assert.Throws<ArgumentException>(() => PowerLaw.Fit([(1, 1), (2, 1), (3, 0)]));
        Assert.Throws<ArgumentException>(() => PowerLaw.Fit([(1, 1), (1, 2), (1, 3)]));
        Assert.Throws<ArgumentException>(() => PowerLaw.Fit([(1, 1), (2, double.NaN), (3, 1)]));
    }
}
