using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Reporting.Tests.Benchmarks;

public sealed class SoakPageTests
{
    [Fact]
    public void A_slope_is_that_of_the_line_after_the_first_third()
    {
        var records = Enumerable.Range(0, 30).Select(i => new SoakRecord { Minutes = i, ResidentBytes = i < 10 ? 7 * i * i : 1000 + 5 * i, Requests = 0, Faults = 0 }).ToList();
        var (slope, error) = SoakPage.Slope(records);
        Assert.Equal(5, slope, 1e-9);
        Assert.Equal(0, error, 1e-6);
    }
}
