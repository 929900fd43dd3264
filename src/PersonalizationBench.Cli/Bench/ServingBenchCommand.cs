using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench serving</c>: what adapters cost a batch, against the base alone.</summary>
internal static class ServingBenchCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A base by name or path" };
    private static readonly Option<int[]> s_ranks = new("--ranks") { Description = "Of the adapters, in all modules", DefaultValueFactory = _ => [8, 16, 64], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int[]> s_batches = new("--batches") { Description = "Sequences in a batch", DefaultValueFactory = _ => [1, 8, 32, 64], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds over all mixes, which take turns", DefaultValueFactory = _ => 7 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/serving of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var serving = new Command("serving", "Time a batch of many users' adapters against the base alone") { s_base, s_ranks, s_batches, s_rounds, s_output };
        serving.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            using var loaded = Load();
            var records = new List<ServingRecord>();
            var costs = new StringBuilder();
            foreach (var rank in parse.GetRequiredValue(s_ranks))
            {
                using var copy = Load();
                using var workload = new ServingWorkload(loaded, copy, rank, ServingBenchmark.Slots, ServingBenchmark.Slots);
                foreach (var batch in parse.GetRequiredValue(s_batches))
                {
                    cancellation.ThrowIfCancellationRequested();
                    records.AddRange(await ServingBenchmark.MeasureAsync(loaded, workload, batch, parse.GetValue(s_rounds)));
                    workbench.Output.WriteLine(FormattableString.Invariant($"rank {rank}, batch {batch}: {string.Join(", ", records[^Enum.GetValues<AdapterMix>().Length..].Select(r => $"{r.Mix} {r.Ratio:0.00} ({r.OfCeiling:0.00} of the ceiling)"))}"));
                }
                costs.Append(await ServingBenchmark.CostsAsync(workload, parse.GetValue(s_rounds)));
            }
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "serving");
            BenchFolder.Write(folder, "serving.csv", records, $"pbench bench serving {parse.GetRequiredValue(s_base)}", new JsonObject { ["rounds"] = parse.GetValue(s_rounds), ["prompt"] = ServingBenchmark.Prompt, ["tokens"] = ServingBenchmark.Tokens }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), ServingPage.Of(parse.GetRequiredValue(s_base), records, ServingBenchmark.Prompt, ServingBenchmark.Tokens, costs.ToString()));
            BenchFigures.Write(folder, PictureFormat.Svg);
            workbench.Output.Write(costs);
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return 0;

            LoadedBase Load() => workbench.Bases.Load(parse.GetRequiredValue(s_base), Precision.Auto, "cpu") as LoadedBase ?? throw new PbenchException("BASE: cannot be served");
        });
        return serving;
    }
}
