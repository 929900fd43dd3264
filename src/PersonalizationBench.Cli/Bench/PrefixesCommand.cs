using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench prefixes</c>: what reading a user's history once for all his questions saves.</summary>
internal static class PrefixesCommand
{
    /// <summary>Times as fast, at the quickstart's sizes.</summary>
    private const double Goal = 5;

    private static readonly Argument<string> s_study = new("STUDY") { Description = "The study whose users are asked, on its first base", DefaultValueFactory = _ => "experiments/quickstart.yaml" };
    private static readonly Option<Precision[]> s_precisions = new("--precisions") { Description = "Types of the products", DefaultValueFactory = _ => [Precision.Float32, Precision.BFloat16], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds, with and without in turn", DefaultValueFactory = _ => 3 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/prefixes of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("prefixes", "Time questions with the full history in the prompt, its beginning read once and read anew") { s_study, s_precisions, s_rounds, s_output };
        command.SetAction((parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            var rounds = parse.GetValue(s_rounds);
            if (rounds < 1) throw new PbenchException($"--rounds: expected at least 1, not {rounds}");
            var plan = workbench.Planner.Plan(StudyFile.Read(parse.GetRequiredValue(s_study)));
            var full = workbench.Strategies.Strategies.Single(s => s.Type == "full-history");
            var records = parse.GetRequiredValue(s_precisions).Select(precision =>
            {
                using var loaded = (LoadedBase)workbench.Bases.Load(plan.Bases[0].Name, precision, "cpu");
                return PrefixBenchmark.Measure(loaded, full.Create(Activator.CreateInstance(full.OptionsType)!), plan.Datasets[0].Data, rounds, workbench.Clock, cancellation);
            }).ToList();
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "prefixes");
            BenchFolder.Write(folder, "prefixes.csv", records, "pbench bench prefixes", new JsonObject { ["study"] = plan.Name, ["rounds"] = rounds }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), PrefixPage.Of(records));
            workbench.Output.Write(PrefixPage.Table(records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return Task.FromResult(records.All(r => r.Ratio >= Goal && r.AnswersDiffer == 0 && r.BitsDiffer == 0) ? 0 : 1);
        });
        return command;
    }
}
