using PersonalizationBench.Evaluation.Statistics;
using static PersonalizationBench.Evaluation.Tests.Statistics.IntervalTests;

namespace PersonalizationBench.Evaluation.Tests.Statistics;

public sealed class DerivedQuantityTests
{
    [Theory]
    [InlineData(1, 256, 8)]
    [InlineData(1, 2, 1)]
    [InlineData(0.89, 2, 0.5)] // the binary symmetric channel that flips 11 %: half a bit (Cover and Thomas, section 7.1.4)
    [InlineData(0.5, 4, 0.2075)] // 2 - 1 - log2(3) / 2
    [InlineData(0.25, 4, 0)]
    [InlineData(0.01, 4, 0)]
    [InlineData(1, 1, 0)]
    public void Bits_of_a_fact_follow_Fano(double accuracy, int pool, double bits) => Assert.Equal(bits, StoredBits.PerFact(accuracy, pool), 3);

    [Fact]
    public void More_accuracy_never_means_fewer_bits()
    {
        foreach (var pool in new[] { 2, 3, 64, 1000 })
        {
            var bits = Enumerable.Range(0, 1001).Select(i => StoredBits.PerFact(i / 1000.0, pool)).ToList();
            Assert.Equal(bits.Order(), bits);
        }
    }

    [Fact]
    public void Bits_per_parameter_add_up_over_pools_and_facts()
    {
        // Every user: four facts of 64, all recalled, and two of 16, never: 4 x 6 bits over 48 parameters.
        var interval = StoredBits.PerParameter(Scores(8, 6, (_, p) => p < 4 ? 1 : 0, 1, 2), p => p.Probe[1] < '4' ? 64 : 16, 48);
        Assert.Equal(0.5, interval.Estimate, 12);
        var half = StoredBits.PerParameter(Scores(8, 6, (u, p) => (u + p) % 2), p => p.Probe[1] < '4' ? 64 : 16, 48);
        Assert.Equal(((4 * StoredBits.PerFact(0.5, 64)) + (2 * StoredBits.PerFact(0.5, 16))) / 48, half.Estimate, 12);
        Assert.True(half.Low <= half.Estimate && half.Estimate <= half.High);
    }

    /// <summary>"Scaling of PEFT" (arXiv 2606.02437): from 0.5 to 0.75, half of what was left.</summary>
    [Fact]
    public void Gain_is_the_share_of_the_headroom()
    {
        Assert.Equal(0.5, Gain.OfHeadroom(0.5, 0.75));
        Assert.Equal(-1, Gain.OfHeadroom(0.5, 0));
        Assert.Null(Gain.OfHeadroom(1, 1));
    }

    /// <summary>P2P (arXiv 2510.16282): a LoRA per user takes 20.44 s and answers in 36 ms; full history 462 ms, profile summary 67 ms.</summary>
    [Theory]
    [InlineData(0.462, 48.0)]
    [InlineData(0.067, 659.4)]
    public void Break_even_is_what_the_published_table_implies(double perQuery, double queries) =>
        Assert.Equal(queries, BreakEven.Queries(new UserCost(20.44, 0.036), new UserCost(0, perQuery)), 1);

    [Theory]
    [InlineData(1, 2, 0, 2, double.PositiveInfinity)]
    [InlineData(1, 3, 0, 2, double.PositiveInfinity)]
    [InlineData(0, 1, 1, 2, 0)]
    [InlineData(1, 1, 1, 1, 0)]
    [InlineData(0, 3, 1, 2, double.PositiveInfinity)]
    public void What_never_pays_and_what_pays_at_once_is_told_apart(double adapt, double query, double otherAdapt, double otherQuery, double queries) =>
        Assert.Equal(queries, BreakEven.Queries(new UserCost(adapt, query), new UserCost(otherAdapt, otherQuery)));

    [Fact]
    public void Break_even_has_an_interval_once_runs_are_repeated()
    {
        Assert.Null(BreakEven.WithInterval([new(10, 1)], [new(0, 2)]));
        var interval = BreakEven.WithInterval([new(9, 1), new(10, 1), new(11, 1)], [new(0, 2)])!;
        Assert.Equal((10.0, 9.0, 11.0), (interval.Estimate, interval.Low, interval.High));
        var never = BreakEven.WithInterval([new(10, 1), new(10, 3)], [new(0, 2.1)])!;
        Assert.Equal(double.PositiveInfinity, never.High);
        Assert.False(double.IsNaN(never.Low));
    }
}
