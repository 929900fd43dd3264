
namespace PersonalizationBench.Benchmarks.Tests;

public sealed class PairedTimingTests
{
    [Fact]
    public void The_ratio_is_the_median_of_the_pairs_not_the_ratio_of_medians()
    {
        // The machine was slow during the second pair, for both: its ratio is as good as the others'.
        var timing = new PairedTiming([new(1, 2), new(10, 20), new(2, 3)]);
        Assert.Equal(2, timing.Ratio);
        Assert.Equal((1.5, 2), (timing.SmallestRatio, timing.LargestRatio));
        Assert.Equal((2, 3), (timing.OursSeconds, timing.TheirsSeconds));
    }

    [Fact]
    public void The_median_of_an_even_number_lies_between_the_middle_two() =>
        Assert.Equal(2.5, new PairedTiming([new(1, 1), new(1, 2), new(1, 3), new(1, 9)]).Ratio);

    [Fact]
    public void No_pairs_are_no_measurement() => Assert.Throws<ArgumentException>(() => new PairedTiming([]));

    [Fact]
    public void Losses_differ_by_their_worst_step() => Assert.Equal(0.1, Losses.RelativeDifference([5, 2.2, 1], [5, 2, 1]), 12);

    [Fact]
    public void The_mean_difference_of_losses_is_the_root_of_the_mean_square() =>
        Assert.Equal(Math.Sqrt((0.01 + 0.04) / 4), Losses.RootMeanSquareDifference([5, 2.2, 0.8, 7], [5, 2, 1, 7]), 12);

    [Fact]
    public void Losses_of_different_length_are_not_compared() => Assert.Throws<ArgumentException>(() => Losses.RelativeDifference([1, 2], [1]));
}
