using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Cli.Adapt;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Strategies.Lora;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench adapt BASE</c>: new documents until they are served, and what is known before and after.</summary>
internal static class AdaptBenchCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int> s_users = new("--users") { Description = "Users of the synthetic world", DefaultValueFactory = _ => 8 };
    private static readonly Option<int> s_documents = new("--documents") { Description = "New documents, after as many old ones", DefaultValueFactory = _ => 100 };
    private static readonly Option<int[]> s_replay = new("--replay") { Description = "Old documents that are read again, one round each", DefaultValueFactory = _ => [0, 100], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> s_rank = new("--rank") { Description = "Of the adapters", DefaultValueFactory = _ => 8 };
    private static readonly Option<double> s_epochs = new("--epochs") { Description = "Times that each document is read", DefaultValueFactory = _ => 10 };
    private static readonly Option<int> s_batch = new("--batch") { Description = "Documents in one step", DefaultValueFactory = _ => 4 };
    private static readonly Option<double> s_rate = new("--learning-rate") { Description = "Peak", DefaultValueFactory = _ => 1e-2 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/adapt of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var adapt = new Command("adapt", "Time new documents until they are served, and ask old and new facts before and after") { s_base, s_users, s_documents, s_replay, s_rank, s_epochs, s_batch, s_rate, s_output };
        adapt.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            foreach (var count in new[] { s_users, s_documents })
                if (parse.GetValue(count) < 1) throw new PbenchException($"{count.Name}: expected at least 1, found {parse.GetValue(count)}");
            var name = parse.GetRequiredValue(s_base);
            var training = new LoraStrategyOptions { Epochs = parse.GetValue(s_epochs), Batch = parse.GetValue(s_batch), LearningRate = parse.GetValue(s_rate) };
            var benchmark = new AdaptBenchmark(workbench.Bases, workbench.Clock, name, new LoraMethod(workbench.Strategies, parse.GetValue(s_rank), training), parse.GetValue(s_rank), RunEnvironment.CodeVersion());
            var records = await benchmark.MeasureAsync(parse.GetValue(s_users), parse.GetValue(s_documents), parse.GetRequiredValue(s_replay), r => workbench.Output.WriteLine(AdaptPage.Line(r)), cancellation);
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "adapt");
            var settings = new JsonObject { ["users"] = parse.GetValue(s_users), ["documents"] = parse.GetValue(s_documents), ["rank"] = parse.GetValue(s_rank), ["epochs"] = training.Epochs, ["batch"] = training.Batch, ["learning_rate"] = training.LearningRate };
            BenchFolder.Write(folder, "adapt.csv", records, $"pbench bench adapt {name}", settings, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), AdaptPage.Of(name, records));
            workbench.Output.Write(AdaptPage.Table(records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return 0;
        });
        return adapt;
    }
}
