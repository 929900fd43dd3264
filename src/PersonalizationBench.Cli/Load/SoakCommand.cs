using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Core;

namespace PersonalizationBench.Cli.Load;

/// <summary>One look at the server, one row of <c>results/soak/soak.csv</c>.</summary>
internal sealed record SoakRecord
{
    public int Schema { get; init; } = 1;
    public required double Minutes { get; init; }
    public required long ResidentBytes { get; init; }
    /// <summary>Since the beginning.</summary>
    public required long Requests { get; init; }
    public required int Faults { get; init; }
}

/// <summary><c>pbench bench soak BASE</c>: a server under random traffic for an hour: its memory over time, and whatever went wrong.</summary>
internal static class SoakCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<double> s_minutes = new("--minutes") { Description = "How long", DefaultValueFactory = _ => 60 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Requests at a time", DefaultValueFactory = _ => 3 };
    private static readonly Option<double> s_pause = new("--pause") { Description = "Mean milliseconds that a worker waits between two requests", DefaultValueFactory = _ => 20 };
    private static readonly Option<double> s_every = new("--every") { Description = "Seconds between two looks", DefaultValueFactory = _ => 10 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/soak of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("soak", "Watch a server's memory under random traffic for an hour") { s_base, s_minutes, s_workers, s_pause, s_every, s_output };
        command.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            var folder = Directory.CreateTempSubdirectory("pbench-soak-").FullName;
            try
            {
                var population = TrafficPopulation.Create(workbench, parse.GetRequiredValue(s_base), folder);
                var (records, counts, faults) = await RunAsync(workbench, population, TimeSpan.FromMinutes(parse.GetValue(s_minutes)), parse.GetValue(s_workers), TimeSpan.FromMilliseconds(parse.GetValue(s_pause)), TimeSpan.FromSeconds(parse.GetValue(s_every)), cancellation);
                var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "soak");
                BenchFolder.Write(results, "soak.csv", records, $"pbench bench soak {parse.GetRequiredValue(s_base)}", new JsonObject { ["minutes"] = parse.GetValue(s_minutes), ["workers"] = parse.GetValue(s_workers), ["pause_ms"] = parse.GetValue(s_pause) }, started, TorchSharp.torch.__version__);
                AtomicFile.WriteText(Path.Combine(results, "README.md"), Page(parse.GetRequiredValue(s_base), records, counts, faults));
                foreach (var fault in faults.Take(20)) workbench.Error.WriteLine(fault);
                workbench.Output.WriteLine($"{Summary(records)}\nwritten: {Workbench.Shown(results)}");
                return faults.Count == 0 ? 0 : 1;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }

    private static async Task<(List<SoakRecord> Records, IReadOnlyDictionary<string, long> Counts, IReadOnlyCollection<string> Faults)> RunAsync(
        Workbench bench, TrafficPopulation population, TimeSpan time, int workers, TimeSpan pause, TimeSpan every, CancellationToken cancellation)
    {
        using var server = await population.ServeAsync(cancellation);
        using var traffic = population.Traffic(server, new ConcurrentDictionary<string, string>());
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (records, started) = (new List<SoakRecord>(), Stopwatch.GetTimestamp());
        var running = traffic.RunAsync(workers, pause, 1, over.Token);
        while (Stopwatch.GetElapsedTime(started) < time && !server.HasExited)
        {
            await Task.Delay(every, cancellation);
            traffic.Served.Clear();
            records.Add(new SoakRecord { Minutes = Stopwatch.GetElapsedTime(started).TotalMinutes, ResidentBytes = server.ResidentBytes, Requests = traffic.Counts.Values.Sum(), Faults = traffic.Faults.Count });
            if (records.Count % 30 == 0) bench.Output.WriteLine(Summary(records));
        }
        if (server.HasExited) traffic.Faults.Enqueue("the server has ended");
        traffic.MayBreak = true;
        await over.CancelAsync();
        await running;
        return (records, traffic.Counts, traffic.Faults);
    }

    /// <summary>Bytes a minute after the first third, by least squares; its standard error as if the looks were independent.</summary>
    internal static (double Slope, double Error) Slope(IReadOnlyList<SoakRecord> records)
    {
        var settled = records.Skip(records.Count / 3).ToList();
        if (settled.Count < 3) return (double.NaN, double.NaN);
        var (x, y) = (settled.Average(r => r.Minutes), settled.Average(r => r.ResidentBytes));
        var spread = settled.Sum(r => (r.Minutes - x) * (r.Minutes - x));
        var slope = settled.Sum(r => (r.Minutes - x) * (r.ResidentBytes - y)) / spread;
        var rest = settled.Sum(r => Math.Pow(r.ResidentBytes - y - slope * (r.Minutes - x), 2)) / (settled.Count - 2);
        return (slope, Math.Sqrt(rest / spread));
    }

    private static string Summary(IReadOnlyList<SoakRecord> records)
    {
        var (slope, error) = Slope(records);
        return string.Create(CultureInfo.InvariantCulture,
            $"{records[^1].Minutes:0.0} minutes, {records[^1].Requests} requests, {records[^1].Faults} faults; {Mb(records[^1].ResidentBytes):0.0} MB resident, slope after the first third {60 * Mb(slope):0.00} +- {60 * Mb(error):0.00} MB an hour");
    }

    private static string Page(string baseName, IReadOnlyList<SoakRecord> records, IReadOnlyDictionary<string, long> counts, IReadOnlyCollection<string> faults)
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
