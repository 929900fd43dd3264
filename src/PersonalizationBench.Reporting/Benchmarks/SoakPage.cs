using System.Globalization;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One look at the server, one row of <c>results/soak/soak.csv</c>.</summary>
public sealed record SoakRecord
{
    public int Schema { get; init; } = 1;
    public required double Minutes { get; init; }
    public required long ResidentBytes { get; init; }
    /// <summary>Since the beginning.</summary>
    public required long Requests { get; init; }
    public required int Faults { get; init; }
}

/// <summary>A server's memory under random traffic, as a page.</summary>
public static class SoakPage
{
    /// <summary>Bytes a minute after the first third, by least squares; its standard error as if the looks were independent.</summary>
    public static (double Slope, double Error) Slope(IReadOnlyList<SoakRecord> records)
    {
        var settled = records.Skip(records.Count / 3).ToList();
        if (settled.Count < 3) return (double.NaN, double.NaN);
        var (x, y) = (settled.Average(r => r.Minutes), settled.Average(r => r.ResidentBytes));
        var spread = settled.Sum(r => (r.Minutes - x) * (r.Minutes - x));
        var slope = settled.Sum(r => (r.Minutes - x) * (r.ResidentBytes - y)) / spread;
        var rest = settled.Sum(r => Math.Pow(r.ResidentBytes - y - slope * (r.Minutes - x), 2)) / (settled.Count - 2);
        return (slope, Math.Sqrt(rest / spread));
    }

    public static string Summary(IReadOnlyList<SoakRecord> records)
    {
        var (slope, error) = Slope(records);
        return string.Create(CultureInfo.InvariantCulture,
            $"{records[^1].Minutes:0.0} minutes, {records[^1].Requests} requests, {records[^1].Faults} faults; {Mb(records[^1].ResidentBytes):0.0} MB resident, slope after the first third {60 * Mb(slope):0.00} +- {60 * Mb(error):0.00} MB an hour");
    }

    public static string Of(string baseName, IReadOnlyList<SoakRecord> records, IReadOnlyDictionary<string, long> counts, IReadOnlyCollection<string> faults)
    {
        var thirds = records.Chunk((records.Count + 2) / 3).Select(c => string.Create(CultureInfo.InvariantCulture, $"{Mb(c.Min(r => r.ResidentBytes)):0.0} to {Mb(c.Max(r => r.ResidentBytes)):0.0}"));
        var asked = string.Join(", ", counts.OrderByDescending(c => c.Value).Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Value} {c.Key}")));
        return string.Create(CultureInfo.InvariantCulture, $"""
            # A server under random traffic

            Made by `./bench bench soak {baseName}`: `pbench serve` as a process of its own, asked by several workers at once for answers, streams (some
            given up), uploads, publishes, rollbacks, others' policies and with bad requests; the same question to the same revision must give the
            same answer from the first minute to the last, a bad request 4xx, another's policy 404.

            {Summary(records)}. Resident MB by thirds of the time: {string.Join("; ", thirds)}.

            Asked: {asked}. Faults: {(faults.Count == 0 ? "none" : string.Join("; ", faults.Take(10)))}.

            """);
    }

    private static double Mb(double bytes) => bytes / 1e6;
}
