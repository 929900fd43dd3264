using System.CommandLine;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

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
            using var folder = new ScratchFolder("soak");
            var population = TrafficPopulation.Create(workbench.Bases, workbench.Clock, PbenchApp.Program, parse.GetRequiredValue(s_base), folder.Path);
            var (records, counts, faults) = await SoakTrial.RunAsync(
                population, TimeSpan.FromMinutes(parse.GetValue(s_minutes)), parse.GetValue(s_workers), TimeSpan.FromMilliseconds(parse.GetValue(s_pause)), TimeSpan.FromSeconds(parse.GetValue(s_every)),
                looks => workbench.Output.WriteLine(SoakPage.Summary(looks)), cancellation);
            var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "soak");
            BenchFolder.Write(results, "soak.csv", records, $"pbench bench soak {parse.GetRequiredValue(s_base)}", new JsonObject { ["minutes"] = parse.GetValue(s_minutes), ["workers"] = parse.GetValue(s_workers), ["pause_ms"] = parse.GetValue(s_pause) }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(results, "README.md"), SoakPage.Of(parse.GetRequiredValue(s_base), records, counts, faults));
            foreach (var fault in faults.Take(20)) workbench.Error.WriteLine(fault);
            workbench.Output.WriteLine($"{SoakPage.Summary(records)}\nwritten: {ShownPath.Of(results)}");
            return faults.Count == 0 ? 0 : 1;
        });
        return command;
    }
}
