using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Pretraining;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench pretrain FILE</c>: a base from nothing, or every rung of a ladder that is not there yet.</summary>
internal static class PretrainCommand
{
    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "Such as experiments/pretrain/world-1m.yaml or experiments/pretrain/ladder/world.yaml" };
        var only = new Option<string[]>("--only") { Description = "Of a ladder, these rungs alone", AllowMultipleArgumentsPerToken = true };
        var command = new Command("pretrain", "Train a base, or a ladder's rungs; goes on from the last checkpoint") { file, only };
        command.SetAction((parse, cancellation) =>
        {
            var path = parse.GetRequiredValue(file);
            var rungs = parse.GetValue(only) ?? [];
            if (LadderSpec.IsLadder(StrictYaml.ReadFile(path))) TrainLadder(bench, LadderSpec.Read(path), rungs, cancellation);
            else if (rungs.Length > 0) throw new PbenchException($"--only: {path} is no ladder; it has no rungs");
            else new PretrainJob(bench.Pretraining, PretrainSpec.Read(path)).Train(cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    private static void TrainLadder(Workbench bench, LadderSpec ladder, IReadOnlyList<string> only, CancellationToken cancellation)
    {
        foreach (var rung in only.Count == 0 ? ladder.Rungs : [.. only.Select(ladder.Rung)])
        {
            var job = new PretrainJob(bench.Pretraining, rung);
            if (job.IsDone()) bench.Output.WriteLine($"{rung.Base}: is there, {ShownPath.Of(job.Folder)}");
            else job.Train(cancellation);
        }
    }
}
