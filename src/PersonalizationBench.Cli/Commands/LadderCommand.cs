using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Pretraining;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Reporting.Ladders;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench ladder</c>: the learning rates of a ladder's rungs, and what the trained rungs can do.</summary>
internal static class LadderCommand
{
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/ladder of the repository)", Recursive = true };

    public static Command Create(Workbench bench) => new("ladder", "One family of bases at many sizes") { Sweep(bench), Measure(bench), s_output };

    private static Command Sweep(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "Such as experiments/pretrain/ladder/world.yaml" };
        var command = new Command("sweep", "Train each rung for a while at several learning rates") { file };
        command.SetAction((parse, cancellation) =>
        {
            var ladder = LadderSpec.Read(parse.GetRequiredValue(file));
            var path = SweepPath(Folder(bench, parse.GetValue(s_output)), ladder.Name);
            foreach (var (rung, scale) in LadderSweep.Best(new LadderSweep(bench.Pretraining, ladder, path).Run(cancellation)))
                bench.Output.WriteLine(FormattableString.Invariant($"{rung}: lowest at learning_rate_scale {scale}; the ladder has {ladder.Rung(rung).LearningRateScale}"));
            bench.Output.WriteLine($"written: {ShownPath.Of(path)}");
            return Task.FromResult(0);
        });
        return command;
    }

    private static Command Measure(Workbench bench)
    {
        var files = new Argument<string[]>("FILE") { Description = "Ladders; those of whose rungs some are not trained are measured over the others", Arity = ArgumentArity.OneOrMore };
        var command = new Command("measure", "Held-out loss and exams of every rung, and the power law through the losses") { files };
        command.SetAction((parse, cancellation) =>
        {
            var started = bench.Clock.GetUtcNow();
            var ladders = parse.GetRequiredValue(files).Select(LadderSpec.Read).ToList();
            var folder = Folder(bench, parse.GetValue(s_output));
            var (rungs, exams) = LadderMeasurement.Of(bench.Pretraining, ladders, cancellation);
            var fits = LadderMeasurement.Fits(rungs);
            var sweeps = ladders.Select(l => SweepPath(folder, l.Name)).Where(File.Exists).SelectMany(RecordCsv.ReadFile<SweepRecord>).ToList();
            RecordCsv.WriteFile(Path.Combine(folder, "exams.csv"), exams);
            RecordCsv.WriteFile(Path.Combine(folder, "fits.csv"), fits);
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), LadderPage.Of([.. ladders.Select(l => new LadderSettings(l.Name, l.Rungs.ToDictionary(r => r.Base, r => r.LearningRateScale)))], rungs, exams, fits, sweeps));
            BenchFolder.Write(folder, "ladder.csv", rungs, $"pbench ladder measure {string.Join(' ', ladders.Select(l => ShownPath.Of(l.Path)))}", new JsonObject { ["ladders"] = new JsonArray([.. ladders.Select(l => (JsonNode)l.Name)]) }, started, bench.Libtorch());
            BenchFigures.Write(folder, PictureFormat.Svg);
            bench.Output.Write(LadderPage.Table(rungs, exams));
            bench.Output.Write(LadderPage.FitTable(fits));
            bench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            var others = rungs.Where(r => Math.Abs(r.HeldOutLoss - r.RecordedLoss) > LadderMeasurement.LossTolerance).ToList();
            foreach (var rung in others) bench.Error.WriteLine(FormattableString.Invariant($"pbench: {rung.Base}: held-out loss {rung.HeldOutLoss:0.0000}, but its provenance says {rung.RecordedLoss:0.0000}"));
            return Task.FromResult(others.Count == 0 ? 0 : 1);
        });
        return command;
    }

    private static string Folder(Workbench bench, string? given) => given ?? Path.Combine(bench.ResultsFolder, "ladder");

    private static string SweepPath(string folder, string ladder) => Path.Combine(folder, $"sweep-{ladder}.csv");
}
