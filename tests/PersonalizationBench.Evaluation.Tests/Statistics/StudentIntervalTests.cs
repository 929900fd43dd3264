using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

public sealed class StudentIntervalTests
{
    /// <summary>t(0.975, 4) = 2.776 from any table: 3 -+ 2.776 sqrt(2.5 / 5).</summary>
    [Fact]
    public void Five_seeds_give_the_textbook_interval()
    {
        var interval = StudentInterval.Mean([1, 2, 3, 4, 5]);
        Assert.Equal((3.0, 1.037, 4.963), (interval.Estimate, Math.Round(interval.Low, 3), Math.Round(interval.High, 3)));
        Assert.Equal((2.0, 2.0, 1), (StudentInterval.Mean([2]).Low, StudentInterval.Mean([2]).High, StudentInterval.Mean([2]).Units));
    }
}
