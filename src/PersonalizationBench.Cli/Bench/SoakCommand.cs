using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench soak BASE</c>: a server under random traffic for an hour: its memory over time, and whatever went wrong.</summary>
internal static class SoakCommand
{
    private static readonly Option<double> s_minutes = new("--minutes") { Description = "How long", DefaultValueFactory = _ => 60 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Requests at a time", DefaultValueFactory = _ => 3 };
    private static readonly Option<double> s_pause = new("--pause") { Description = "Mean milliseconds that a worker waits between two requests", DefaultValueFactory = _ => 20 };
    private static readonly Option<double> s_every = new("--every") { Description = "Seconds between two looks", DefaultValueFactory = _ => 10 };

    public static Command Create(Workbench? bench = null) =>
        ServerTrial.Create<SoakRecord>("soak", "Watch a server's memory under random traffic for an hour", bench, [s_minutes, s_workers, s_pause, s_every], RunAsync);

    private static async Task<ServerTrialResult<SoakRecord>> RunAsync(Workbench bench, TrafficPopulation population, string name, ParseResult parse, CancellationToken cancellation)
    {
        var (records, counts, faults) = await SoakTrial.RunAsync(
            population, TimeSpan.FromMinutes(parse.GetValue(s_minutes)), parse.GetValue(s_workers), TimeSpan.FromMilliseconds(parse.GetValue(s_pause)), TimeSpan.FromSeconds(parse.GetValue(s_every)),
            looks => bench.Output.WriteLine(SoakPage.Summary(looks)), cancellation);
        foreach (var fault in faults.Take(20)) bench.Error.WriteLine(fault);
        bench.Output.WriteLine(SoakPage.Summary(records));
        var settings = new JsonObject { ["minutes"] = parse.GetValue(s_minutes), ["workers"] = parse.GetValue(s_workers), ["pause_ms"] = parse.GetValue(s_pause) };
        return new(records, settings, SoakPage.Of(name, records, counts, faults), faults.Count == 0);
    }
}
