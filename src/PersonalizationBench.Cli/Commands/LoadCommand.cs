using System.Globalization;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Cli.Commands;

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
            var (spec, started) = (LoadFile.Read(parse.GetRequiredValue(file)), bench.Clock.GetUtcNow());
            var chosen = parse.GetValue(only) ?? [];
            if (chosen.FirstOrDefault(o => spec.Cells.All(c => c.Figure != o)) is { } missing) throw new PbenchException($"--only: {spec.Load} has no figure '{missing}'; expected {string.Join(", ", spec.Cells.Select(c => c.Figure).Distinct())}");
            using var loaded = bench.Bases.Load(spec.Base, Precision.Auto, "cpu") as LoadedBase ?? throw new PbenchException($"base '{spec.Base}' cannot be served");
            using var folder = new ScratchFolder("load");
            using var runner = new LoadRunner(spec, loaded, folder.Path, bench.Clock);
            var records = new List<LoadRecord>();
            foreach (var cell in spec.Cells.Where(c => chosen.Length == 0 || chosen.Contains(c.Figure)).SelectMany(c => c.Cells))
            {
                records.Add(await runner.MeasureAsync(cell, cancellation));
                bench.Output.WriteLine(LoadPage.Line(records[^1]));
                bench.Output.Flush();
            }
            if (chosen.Length > 0) return 0;
            var results = parse.GetValue(output) ?? Path.Combine(bench.ResultsFolder, spec.Load);
            BenchFolder.Write(results, $"{spec.Load}.csv", records, string.Create(CultureInfo.InvariantCulture, $"pbench load {ShownPath.Of(parse.GetRequiredValue(file))}"), new JsonObject { ["seed"] = spec.Seed, ["rounds"] = spec.Rounds, ["seconds"] = spec.Seconds }, started, bench.Libtorch());
            LoadPage.Write(results, new LoadSettings(spec.Description, spec.Prompt, spec.Answer, spec.Server.AdapterMemory, spec.Files, spec.Requests), records);
            BenchFigures.Write(results, PictureFormat.Svg);
            bench.Output.WriteLine($"written: {ShownPath.Of(results)}");
            return 0;
        });
        return command;
    }
}
