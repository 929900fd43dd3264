using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Reporting.Tests.Benchmarks;

public sealed class LlamaCppPageTests
{
    [Fact]
    public void The_page_has_a_row_for_each_number_of_adapters()
    {
        var records = new[] { 0, 1, 8, 32 }.Select(d => new LlamaCppRecord
        {
            Base = "tiny",
            Parameters = 1,
            Threads = 2,
            OursPrecision = "bfloat16",
            TheirsVersion = "1 (abc)",
            TheirsVariant = "f16 weights",
            Rank = 8,
            Concurrency = 32,
            Distinct = d,
            Prompt = 32,
            Answer = 64,
            Rounds = 1,
            Seconds = 1,
            OursTokensPerSecond = 20,
            OursTokensPerSecondMin = 10,
            OursTokensPerSecondMax = 30,
            TheirsTokensPerSecond = 10,
            TheirsTokensPerSecondMin = 5,
            TheirsTokensPerSecondMax = 15,
            Ratio = 2,
            RatioMin = 1,
            RatioMax = 3,
            OursOfBase = 1,
            TheirsOfBase = 0.5,
            OursAnswerTokens = 64,
            TheirsAnswerTokens = 63.5,
        }).ToList();

        var page = LlamaCppPage.Of("tiny", new LlamaCppResult(records, new LlamaAgreement(16, 512, 510, 0), new LlamaAgreement(16, 512, 500, 15), Variants: 4, HowToBuild: "ninja llama-server"));

        Assert.Equal(4, page.Split('\n').Count(line => line.Contains("| 20 [10, 30] | 10 [5, 15] | 2.00 [1.00, 3.00] | 1.00 | 0.50 | 64.0 / 63.5 |", StringComparison.Ordinal)));
        Assert.Contains("99.6 % of 512 tokens", page, StringComparison.Ordinal);
        Assert.Contains("15 of 16 are not the base's", page, StringComparison.Ordinal);
        Assert.Contains("the fastest of 4 ways", page, StringComparison.Ordinal);
        Assert.Contains("```sh\nninja llama-server\n```", page, StringComparison.Ordinal);
        Assert.True(new LlamaAgreement(1, 100, 95, 0).Holds);
        Assert.False(new LlamaAgreement(1, 100, 94, 0).Holds);
    }
}
