using System.Globalization;
using System.Text;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/decode/decode.csv</c>.</summary>
public sealed record DecodeRecord
{
    public int Schema { get; init; } = 1;
    public required string Architecture { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
    public required int Threads { get; init; }
    /// <summary>Tokens of the prompt.</summary>
    public required int Context { get; init; }
    /// <summary>Tokens timed.</summary>
    public required int Tokens { get; init; }
    /// <summary>Of one further token: the median, and the range of the rounds' medians.</summary>
    public required double TokenMs { get; init; }
    public required double TokenMsMin { get; init; }
    public required double TokenMsMax { get; init; }
    /// <summary>From the prompt to the first token, median over rounds.</summary>
    public required double FirstTokenMs { get; init; }
    /// <summary>Keys and values, or states, of one sequence.</summary>
    public required long CacheBytes { get; init; }
}

/// <summary>A token's time and memory as the context grows, as a page.</summary>
public static class DecodePage
{
    public static string Of(IReadOnlyList<DecodeRecord> records, int tokensPerRound) => string.Create(CultureInfo.InvariantCulture, $"""
        # One further token

        Made by `./bench bench decode` on {BenchFolder.Processor()}, {Environment.ProcessorCount} cores: one sequence, a prompt of *context*
        tokens, then {tokensPerRound} more. A transformer reads its keys and values for each token; a Mamba-2 has a state that
        does not grow. Medians over rounds in which the two take turns; in brackets the rounds' range.

        {Table(records)}
        ![A token's time and what is kept of a sequence](figures/decode.svg)

        """);

    public static string Table(IReadOnlyList<DecodeRecord> records)
    {
        var table = new StringBuilder("| architecture | parameters | context | ms per token | ms to the first token | kept of a sequence, bytes |\n|---|---:|---:|---|---:|---:|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {r.Architecture} | {r.Parameters} | {r.Context} | {r.TokenMs:F2} [{r.TokenMsMin:F2}, {r.TokenMsMax:F2}] | {r.FirstTokenMs:F1} | {r.CacheBytes} |\n");
        return table.ToString();
    }

    public static Picture Draw(IReadOnlyList<DecodeRecord> records)
    {
        var contexts = Scale.LogAt([.. records.Select(r => r.Context).Distinct().Select(c => new Tick(c, c.ToString(CultureInfo.InvariantCulture)))]);
        return ScatterChart.Draw("One further token as the context grows",
        [
            Panel("Time of a token", "medians, and the range over rounds", "ms (log)", Reporting.Format.Number, r => new ScatterPoint(r.Context, r.TokenMs, r.TokenMsMin, r.TokenMsMax)),
            Panel("Kept of a sequence", "keys and values, or states", "bytes (log)", Reporting.Format.Bytes, r => new ScatterPoint(r.Context, r.CacheBytes, null, null)),
        ]);

        ScatterPanel Panel(string title, string subtitle, string label, Func<double, string> format, Func<DecodeRecord, ScatterPoint> point)
        {
            var series = records.GroupBy(r => r.Architecture).Select((g, i) => new ScatterSeries(Look.Nth(i, g.Key), [.. g.Select(point)], IsJoined: true)).ToList();
            var scale = Scale.Log(series.SelectMany(s => s.Points).SelectMany(p => new[] { p.Y, p.Low ?? p.Y, p.High ?? p.Y }), format);
            return new ScatterPanel(title, subtitle, contexts, "tokens of context (log)", scale, label, series);
        }
    }
}
