using System.Globalization;
using System.Text;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>What was found.</summary>
/// <param name="Variants">Ways in which theirs was tried.</param>
/// <param name="HowToBuild">Lines for a shell that make theirs.</param>
public sealed record LlamaCppResult(IReadOnlyList<LlamaCppRecord> Records, LlamaAgreement Base, LlamaAgreement Adapters, int Variants, string HowToBuild);

/// <summary>Many users' adapters here and in llama.cpp, as a page.</summary>
public static class LlamaCppPage
{
    public static string Of(string name, LlamaCppResult result)
    {
        var first = result.Records[0];
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Many users' adapters, here and in llama.cpp

            Made by `./bench bench llama-cpp {name} --server llama-server` on {BenchFolder.Processor()}, {first.Threads} threads: `pbench serve` ({first.OursPrecision})
            and llama.cpp's server ({first.TheirsVersion}; {first.TheirsVariant}, the fastest of {result.Variants} ways that were tried), each a process
            of its own, asked over HTTP for whole greedy answers: {first.Concurrency} requests at a time, {first.Prompt} tokens read (never the same twice, so no
            prompt is found in a cache), {first.Answer} written, adapters of rank {first.Rank} in all modules, the same values in both, each asked for by the request.
            Tokens a second are medians over {first.Rounds} rounds of {first.Seconds} s in which the two take turns, the rounds' range in brackets; *ratio* is ours over
            theirs in the same round, *of the base* a server's own speed over that of its base alone. Some answers end before their last token:
            both servers stop there, and only what was written counts.

            {Table(result.Records)}
            llama.cpp takes requests into one batch only where they have the same adapter; those of others wait meanwhile.

            That both do the same work: after the same beginning, llama.cpp says the same next token as our engine in {Shown(result.Base)} of the base's answers
            and in {Shown(result.Adapters)} of adapters' answers, of which {result.Adapters.ToldApart} of {result.Adapters.Answers} are not the base's.

            llama.cpp is not kept here. It is built, and this made again, by:

            ```sh
            {result.HowToBuild}
            ```

            """);
    }

    public static string Table(IReadOnlyList<LlamaCppRecord> records)
    {
        var table = new StringBuilder("| different adapters | ours, tokens/s | llama.cpp, tokens/s | ratio | ours, of the base | llama.cpp, of the base | tokens of an answer, ours / llama.cpp |\n|---:|---|---|---|---:|---:|---|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {(r.Distinct == 0 ? "base alone" : r.Distinct)} | {r.OursTokensPerSecond:0} [{r.OursTokensPerSecondMin:0}, {r.OursTokensPerSecondMax:0}] | {r.TheirsTokensPerSecond:0} [{r.TheirsTokensPerSecondMin:0}, {r.TheirsTokensPerSecondMax:0}] | {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}] | {r.OursOfBase:0.00} | {r.TheirsOfBase:0.00} | {r.OursAnswerTokens:0.0} / {r.TheirsAnswerTokens:0.0} |\n");
        return table.ToString();
    }

    private static string Shown(LlamaAgreement agreement) => string.Create(CultureInfo.InvariantCulture, $"{100 * agreement.Share:0.0} % of {agreement.Tokens} tokens");
}
