using System.CommandLine;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench rollback BASE</c>: how long a pointer's move takes, and the next request, alone and under traffic.</summary>
internal static class RollbackCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int> s_moves = new("--moves") { Description = "Rollbacks with and without load, and as many moves forward", DefaultValueFactory = _ => 200 };
    private static readonly Option<int> s_workers = new("--workers") { Description = "Other requests at a time, under load", DefaultValueFactory = _ => 6 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/rollback of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("rollback", "Time rollbacks under traffic, until the next request is answered") { s_base, s_moves, s_workers, s_output };
        command.SetAction(async (parse, cancellation) =>
        {
            var (workbench, name) = (bench ?? Workbench.OfThisMachine(), parse.GetRequiredValue(s_base));
            var started = workbench.Clock.GetUtcNow();
            using var folder = new ScratchFolder("rollback");
            var population = TrafficPopulation.Create(workbench.Bases, workbench.Clock, PbenchApp.Program, name, folder.Path);
            var trial = new RollbackTrial(population, workbench.Clock);
            var (records, requests) = (new List<RollbackRecord>(), 0L);
            using (var server = await population.ServeAsync(cancellation))
            {
                foreach (var workers in new[] { 0, parse.GetValue(s_workers) }.Distinct())
                {
                    requests += await trial.RunAsync(server, workers, parse.GetValue(s_moves), records, cancellation);
                    workbench.Output.WriteLine(RollbackPage.Summary(records, workers));
                }
            }
            var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "rollback");
            BenchFolder.Write(results, "rollback.csv", records, $"pbench bench rollback {name}", new JsonObject { ["moves"] = parse.GetValue(s_moves), ["workers"] = parse.GetValue(s_workers) }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(results, "README.md"), RollbackPage.Of(name, records, requests));
            workbench.Output.WriteLine($"written: {ShownPath.Of(results)}");
            return 0;
        });
        return command;
    }
}
