using MathNet.Numerics.Distributions;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

public sealed class MedianIntervalTests
{
    /// <summary>Ranks (from 1) as tables of the binomial distribution have them: of 30 values the 10th and the 21st.</summary>
    [Theory]
    [InlineData(6, 1, 6)]
    [InlineData(10, 2, 9)]
    [InlineData(20, 6, 15)]
    [InlineData(30, 10, 21)]
    [InlineData(100, 40, 61)]
    public void The_ends_are_two_of_the_values(int count, int low, int high)
    {
        var interval = MedianInterval.Of([.. Enumerable.Range(1, count).Select(i => (double)i)]);
        Assert.Equal(((count + 1) / 2.0, (double)low, (double)high, count), (interval.Estimate, interval.Low, interval.High, interval.Units));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Of_few_values_it_is_all_there_is(int count)
    {
        var interval = MedianInterval.Of([.. Enumerable.Range(1, count).Select(i => (double)i)]);
        Assert.Equal((1.0, (double)count), (interval.Low, interval.High));
    }

    [Fact]
    public void No_number_of_values_covers_less_than_it_says()
    {
        for (var n = 6; n <= 300; n++)
        {
            var rank = MedianInterval.Of([.. Enumerable.Range(1, n).Select(i => (double)i)]).Low;
            var covered = 1 - (2 * Binomial.CDF(0.5, n, rank - 1));
            Assert.InRange(covered, 0.95, 1);
            // One rank further in would cover too little.
            Assert.True(1 - (2 * Binomial.CDF(0.5, n, rank)) < 0.95);
        }
    }
}
