using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Reporting.Tests.Benchmarks;

public sealed class HuggingFacePageTests
{
    [Theory]
    [InlineData("cuda", 9.0, 1e-4, false)]
    [InlineData("cuda", 11.0, 1e-4, true)]
    [InlineData("cpu", 9.0, 1e-4, true)]
    [InlineData("cuda", 11.0, 1e-2, false)]
    public void The_exit_status_asks_for_the_same_work_and_on_a_gpu_for_speed(string device, double ratio, double lossDifference, bool holds) =>
        Assert.Equal(holds, Record(device, ratio, lossDifference).Holds());

    [Fact]
    public void The_page_says_what_was_compared()
    {
        var page = HuggingFacePage.Of("small", new HuggingFaceSettings(Users: 64, Steps: 16, BatchSequences: 4, Prompt: 128, NewTokens: 64), [Record("cuda", 12.5, 1e-5)]);
        Assert.Contains("`./bench bench hugging-face small --device cuda`", page, StringComparison.Ordinal);
        Assert.Contains("| train | 64 | 1000 | 80 | 12.50 [12.50, 12.50] | 10 | losses within 1.0e-5 |", page, StringComparison.Ordinal);
    }

    private static HuggingFaceRecord Record(string device, double ratio, double lossDifference) => new()
    {
        Work = "train",
        Device = device,
        Base = "small",
        Parameters = 1000,
        Precision = "float32",
        Rank = 8,
        Adapters = 64,
        Rows = 4,
        Tokens = 1000,
        Pairs = 3,
        OursTokensPerSecond = 1000,
        TheirsTokensPerSecond = 80,
        Ratio = ratio,
        RatioMin = ratio,
        RatioMax = ratio,
        LossDifference = lossDifference,
        Goal = 10,
        Libtorch = "2.11",
        TheirsTorch = "2.11",
        Theirs = "transformers, peft",
    };
}
