using System.Globalization;
using System.Text;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/serving/serving.csv</c>.</summary>
public sealed record ServingRecord
{
    /// <summary>The mix in which every sequence has an adapter of its own.</summary>
    public const string AllDistinct = "an adapter each";

    public int Schema { get; init; } = 1;
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
    public required int Threads { get; init; }
    public required string Mix { get; init; }
    public required int Rank { get; init; }
    public required int Batch { get; init; }
    /// <summary>Different adapters in the batch.</summary>
    public required int Distinct { get; init; }
    /// <summary>Mean tokens before the one that is computed.</summary>
    public required double Context { get; init; }
    /// <summary>Median over rounds, and the rounds' range.</summary>
    public required double TokensPerSecond { get; init; }
    public required double TokensPerSecondMin { get; init; }
    public required double TokensPerSecondMax { get; init; }
    /// <summary>To the base alone in the same round: the median, and the range.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>What the ratio could be if bytes were all that counts.</summary>
    public required double Ceiling { get; init; }
    /// <summary>The ratio over the ceiling.</summary>
    public required double OfCeiling { get; init; }
}

/// <summary>What adapters cost a batch, as a page.</summary>
public static class ServingPage
{
    public static string Of(string name, IReadOnlyList<ServingRecord> records, int prompt, int tokens, string costs)
    {
        var table = new StringBuilder("| rank | batch | mix | tokens/s | of the base alone | ceiling | of the ceiling |\n|---:|---:|---|---|---|---:|---:|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Rank} | {r.Batch} | {r.Mix} | {r.TokensPerSecond:0} [{r.TokensPerSecondMin:0}, {r.TokensPerSecondMax:0}] | {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}] | {r.Ceiling:0.00} | {r.OfCeiling:0.00} |\n");
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Many users' adapters in one batch

            Made by `./bench bench serving {name}` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores: tokens a second while all
            sequences of a batch are answering ({prompt} tokens read, {tokens} written, greedy), by who has an adapter. Medians over rounds in which the
            mixes take turns, their range in brackets; the ratio is to the base alone in the same round. The ceiling is what the ratio could
            be if every byte of weights, keys, values and adapters were read once a step and nothing else took time.

            {table}
            ![Ratios and ceilings](figures/ratios.svg)

            ## What an adapter costs before its first token

            {costs}
            """);
    }

    public static Picture Draw(IReadOnlyList<ServingRecord> records)
    {
        var batches = Scale.LogAt([.. records.Select(r => r.Batch).Distinct().Select(b => new Tick(b, b.ToString(CultureInfo.InvariantCulture)))]);
        var shown = records.Where(r => r.Mix == ServingRecord.AllDistinct).ToList();
        return ScatterChart.Draw("An adapter for each sequence, against the base alone",
        [
            Panel("Measured", "medians, and the range over rounds", r => new ScatterPoint(r.Batch, r.Ratio, r.RatioMin, r.RatioMax)),
            Panel("Ceiling", "if bytes were all that counts", r => new ScatterPoint(r.Batch, r.Ceiling, null, null)),
        ]);

        ScatterPanel Panel(string title, string subtitle, Func<ServingRecord, ScatterPoint> point)
        {
            var series = shown.GroupBy(r => r.Rank).Select((g, i) => new ScatterSeries(Look.Nth(i, FormattableString.Invariant($"rank {g.Key}")), [.. g.Select(point)], IsJoined: true)).ToList();
            return new ScatterPanel(title, subtitle, batches, "sequences in the batch (log)", Scale.Linear([0, 1.2], 6), "tokens/s over the base's", series);
        }
    }
}
