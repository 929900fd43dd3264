using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using TorchSharp;

namespace PersonalizationBench.Cli.Load;

/// <summary><c>pbench load FILE</c>: asks a server of many adapters as the file says, and writes what it measured.</summary>
internal static class LoadCommand
{
    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "Such as experiments/scale-out.yaml" };
        var only = new Option<string[]>("--only") { Description = "These figures alone; nothing is written", AllowMultipleArgumentsPerToken = true };
        var output = new Option<string?>("--output") { Description = "Where the results go (default: results/ of the repository, by the file's name)" };
        var command = new Command("load", "Measure serving many users' adapters: throughput, latencies, residency, the registry") { file, only, output };
        command.SetAction(async (parse, cancellation) =>
        {
            var (spec, started) = (LoadSpec.Read(parse.GetRequiredValue(file)), bench.Clock.GetUtcNow());
            var chosen = parse.GetValue(only) ?? [];
            if (chosen.FirstOrDefault(o => spec.Cells.All(c => c.Figure != o)) is { } missing) throw new PbenchException($"--only: {spec.Load} has no figure '{missing}'; expected {string.Join(", ", spec.Cells.Select(c => c.Figure).Distinct())}");
            using var loaded = bench.Bases.Load(spec.Base, Precision.Auto, "cpu") as LoadedBase ?? throw new PbenchException($"base '{spec.Base}' cannot be served");
            var folder = Directory.CreateTempSubdirectory("pbench-load-").FullName;
            try
            {
                using var runner = new LoadRunner(spec, loaded, folder, bench.Clock);
                var records = new List<LoadRecord>();
                foreach (var cell in spec.Cells.Where(c => chosen.Length == 0 || chosen.Contains(c.Figure)).SelectMany(c => c.Cells))
                {
                    records.Add(await runner.MeasureAsync(cell, cancellation));
                    bench.Output.WriteLine(LoadPage.Line(records[^1]));
                    bench.Output.Flush();
                }
                if (chosen.Length > 0) return 0;
                var results = parse.GetValue(output) ?? Path.Combine(bench.ResultsFolder, spec.Load);
                BenchFolder.Write(results, $"{spec.Load}.csv", records, string.Create(CultureInfo.InvariantCulture, $"pbench load {Workbench.Shown(parse.GetRequiredValue(file))}"), new JsonObject { ["seed"] = spec.Seed, ["rounds"] = spec.Rounds, ["seconds"] = spec.Seconds }, started, torch.__version__);
                LoadPage.Write(results, spec, records);
                bench.Output.WriteLine($"written: {Workbench.Shown(results)}");
                return 0;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }
}
