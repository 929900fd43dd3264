using System.CommandLine;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench crash BASE</c>: what a server leaves that is killed, again and again, under traffic.</summary>
internal static class CrashCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int> s_kills = new("--kills") { Description = "How often", DefaultValueFactory = _ => 200 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Requests at a time", DefaultValueFactory = _ => 6 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/crash of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("crash", "Kill a server under traffic, again and again, and check what is left") { s_base, s_kills, s_workers, s_output };
        command.SetAction(async (parse, cancellation) =>
        {
            var (workbench, name) = (bench ?? Workbench.OfThisMachine(), parse.GetRequiredValue(s_base));
            var started = workbench.Clock.GetUtcNow();
            using var folder = new ScratchFolder("crash");
            var trial = new CrashTrial(TrafficPopulation.Create(workbench.Bases, workbench.Clock, PbenchApp.Program, name, folder.Path), workbench.Clock);
            var (records, problems) = (new List<CrashRecord>(), new List<string>());
            for (var kill = 1; kill <= parse.GetValue(s_kills); kill++)
            {
                var (record, found) = await trial.KillAsync(kill, parse.GetValue(s_workers), cancellation);
                records.Add(record);
                problems.AddRange(found);
                foreach (var problem in found) workbench.Error.WriteLine(FormattableString.Invariant($"kill {kill}: {problem}"));
                if (kill % 10 == 0) workbench.Output.WriteLine(CrashPage.Summary(records));
            }
            var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "crash");
            BenchFolder.Write(results, "crash.csv", records, $"pbench bench crash {name}", new JsonObject { ["kills"] = records.Count, ["workers"] = parse.GetValue(s_workers) }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(results, "README.md"), CrashPage.Of(name, records, problems));
            workbench.Output.WriteLine($"{CrashPage.Summary(records)}\nwritten: {ShownPath.Of(results)}");
            return problems.Count == 0 ? 0 : 1;
        });
        return command;
    }
}
