using PersonalizationBench.Core;

namespace PersonalizationBench.Load.Tests;

public sealed class ZipfTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 0)]
    [InlineData(256, 0.9)]
    [InlineData(1000, 2.5)]
    public void Probabilities_fall_as_the_power_of_the_rank(int count, double exponent)
    {
        var zipf = new Zipf(count, exponent);
        Assert.Equal(1, Enumerable.Range(0, count).Sum(zipf.Probability), 1e-9);
        for (var i = 1; i < count; i++) Assert.Equal(Math.Pow(i + 1, -exponent), zipf.Probability(i) / zipf.Probability(0), 1e-9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.9)]
    [InlineData(1.5)]
    public void What_is_drawn_is_as_frequent_as_it_is_probable(double exponent)
    {
        const int Draws = 200_000, Count = 40;
        var (zipf, random, counts) = (new Zipf(Count, exponent), new DeterministicRandom(3), new int[Count]);
        for (var i = 0; i < Draws; i++) counts[zipf.Draw(random)]++;
        for (var i = 0; i < Count; i++)
        {
            var expected = Draws * zipf.Probability(i);
            // Five standard deviations of a binomial count.
            Assert.InRange(counts[i], expected - 5 * Math.Sqrt(expected), expected + 5 * Math.Sqrt(expected));
        }
    }
}
