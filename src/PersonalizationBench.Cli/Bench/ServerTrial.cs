using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary>What a trial came to.</summary>
/// <param name="Page">To be read beside the records.</param>
/// <param name="Holds">Whether all was as it must be: the exit status.</param>
internal sealed record ServerTrialResult<T>(IReadOnlyList<T> Records, JsonObject Settings, string Page, bool Holds);

/// <summary>What the trials of a served base have in common: a base, owners and adapters in a folder of their own, and where results go.</summary>
internal static class ServerTrial
{
    public static Command Create<T>(
        string name, string description, Workbench? bench, IEnumerable<Option> options, Func<Workbench, TrafficPopulation, string, ParseResult, CancellationToken, Task<ServerTrialResult<T>>> run)
        where T : class
    {
        var at = new Argument<string>("BASE") { Description = "A base by name or path" };
        var output = new Option<string?>("--output") { Description = $"Where the results go (default: results/{name} of the repository)" };
        var command = new Command(name, description) { at };
        foreach (var option in options.Append(output)) command.Add(option);
        command.SetAction(async (parse, cancellation) =>
        {
            var (workbench, baseName) = (bench ?? Workbench.OfThisMachine(), parse.GetRequiredValue(at));
            var started = workbench.Clock.GetUtcNow();
            using var folder = new ScratchFolder(name);
            var population = TrafficPopulation.Create(workbench.Bases, workbench.Clock, PbenchApp.Program, baseName, folder.Path);
            var result = await run(workbench, population, baseName, parse, cancellation);
            var results = parse.GetValue(output) ?? Path.Combine(workbench.ResultsFolder, name);
            BenchFolder.Write(results, $"{name}.csv", result.Records, $"pbench bench {name} {baseName}", result.Settings, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(results, "README.md"), result.Page);
            workbench.Output.WriteLine($"written: {ShownPath.Of(results)}");
            return result.Holds ? 0 : 1;
        });
        return command;
    }
}
