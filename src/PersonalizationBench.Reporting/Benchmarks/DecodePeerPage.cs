using System.Globalization;
using System.Text;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/decode-peer/decode-peer.csv</c>. Times and ratios are medians over rounds, with the rounds' range.</summary>
public sealed record DecodePeerRecord
{
    public int Schema { get; init; } = 1;
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    public required string Engine { get; init; }
    public required string Theirs { get; init; }
    public required int Threads { get; init; }
    /// <summary>What OpenMP's threads, which both use, do while they wait: passive, they sleep.</summary>
    public required string WaitPolicy { get; init; }
    /// <summary>Decoded at once.</summary>
    public required int Sequences { get; init; }
    public required int Prompt { get; init; }
    public required int Answer { get; init; }
    public required int Rounds { get; init; }
    /// <summary>Of one further token of every sequence.</summary>
    public required double OursTokenMs { get; init; }
    public required double TheirsTokenMs { get; init; }
    /// <summary>Theirs over ours in the same round: above 1 where ours takes less time.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>Of the fastest round: other work on the machine took the least of it.</summary>
    public required double OursFastestMs { get; init; }
    public required double TheirsFastestMs { get; init; }
    /// <summary>From the prompts to the first token of every sequence.</summary>
    public required double OursPromptMs { get; init; }
    public required double TheirsPromptMs { get; init; }
    public required double PromptRatio { get; init; }
    /// <summary>Of ours, looked at.</summary>
    public required int Tokens { get; init; }
    /// <summary>Those that theirs says too, after the same beginning.</summary>
    public required int Same { get; init; }
    /// <summary>How much more likely its own token is to theirs than ours, at most, in nats.</summary>
    public required double LargestGap { get; init; }
}

/// <summary>Decoding here and in llama.cpp, as a page.</summary>
public static class DecodePeerPage
{
    public static string Of(IReadOnlyList<DecodePeerRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # Decoding against llama.cpp in one process

        Made by `./bench bench decode-peer` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores: {records[0].Theirs} and {records[0].Engine}, both on
        {records[0].Threads} threads (OpenMP waits: {records[0].WaitPolicy}) with weights, keys and values in f32. Each round decodes greedily from drawn prompts of
        {records[0].Prompt} tokens, {records[0].Answer} tokens each, ours and theirs in turn. Medians over {records[0].Rounds} rounds; in brackets the rounds' range of the
        ratio, above 1 where ours takes less time.

        {Table(records)}
        """);

    public static string Table(IReadOnlyList<DecodePeerRecord> records)
    {
        var table = new StringBuilder("| base | parameters | sequences | ms per token, ours | theirs | ratio | fastest, ours | theirs | ms for the prompts, ours | theirs | ratio | same tokens | largest gap |\n|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Base} | {r.Parameters} | {r.Sequences} | {r.OursTokenMs:F3} | {r.TheirsTokenMs:F3} | {r.Ratio:F2} [{r.RatioMin:F2}, {r.RatioMax:F2}] | {r.OursFastestMs:F3} | {r.TheirsFastestMs:F3} | {r.OursPromptMs:F2} | {r.TheirsPromptMs:F2} | {r.PromptRatio:F2} | {r.Same} of {r.Tokens} | {r.LargestGap:G2} |\n");
        return table.ToString();
    }
}
