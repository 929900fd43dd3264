using System.Globalization;
using System.Text;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/prefixes/prefixes.csv</c>.</summary>
public sealed record PrefixRecord
{
    public int Schema { get; init; } = 1;
    public required string Base { get; init; }
    public required string Precision { get; init; }
    public required string Engine { get; init; }
    public required int Threads { get; init; }
    public required int Users { get; init; }
    public required int Questions { get; init; }
    /// <summary>Of a question's prompt, mean.</summary>
    public required double PromptTokens { get; init; }
    /// <summary>For all questions, what prompts begin with read once: median over rounds.</summary>
    public required double SharedSeconds { get; init; }
    /// <summary>The same with every prompt read whole.</summary>
    public required double WholeSeconds { get; init; }
    /// <summary>Whole over shared: median and range over rounds.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>Answers that are not the same in both.</summary>
    public required int AnswersDiffer { get; init; }
    /// <summary>Tokens and likelihoods that are not the same bits in both.</summary>
    public required int BitsDiffer { get; init; }
}

/// <summary>What reading a shared beginning once saves, as a page.</summary>
public static class PrefixPage
{
    public static string Of(IReadOnlyList<PrefixRecord> records) => string.Create(CultureInfo.InvariantCulture, $"""
        # A user's history, read once

        Made by `./bench bench prefixes` on {BenchFolder.Processor()}. Every question of a user is asked with his whole history in the
        prompt. *Shared*: what the prompts of a user begin with is computed once. *Whole*: every prompt is computed from its beginning. The two
        take turns; medians over rounds, in brackets the range of the rounds' ratios. *Bits*: tokens and likelihoods, of all that the base gave, that
        differ between the two.

        {Table(records)}
        """);

    public static string Table(IReadOnlyList<PrefixRecord> records)
    {
        var table = new StringBuilder("| base | precision | users | questions | tokens of a prompt | whole, s | shared, s | times as fast | other answers | other bits |\n|---|---|---:|---:|---:|---:|---:|---|---:|---:|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Base} | {r.Precision} | {r.Users} | {r.Questions} | {r.PromptTokens:F0} | {r.WholeSeconds:F2} | {r.SharedSeconds:F2} | {r.Ratio:F1} [{r.RatioMin:F1}, {r.RatioMax:F1}] | {r.AnswersDiffer} | {r.BitsDiffer} |\n");
        return table.ToString();
    }
}
