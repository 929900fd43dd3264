using System.CommandLine;
using PersonalizationBench.Cli.Pretraining;
using PersonalizationBench.Core;
using PersonalizationBench.Data.World;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Tokenizers;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench pretrain FILE</c>: a base from nothing, on the pretraining population.</summary>
internal static class PretrainCommand
{
    private const int MaxAnswerTokens = 8;

    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "Such as experiments/pretrain/world-1m.yaml" };
        var command = new Command("pretrain", "Train a base; goes on from its last checkpoint") { file };
        command.SetAction((parse, cancellation) => Task.FromResult(Run(bench, PretrainSpec.Read(parse.GetRequiredValue(file)), cancellation)));
        return command;
    }

    private static int Run(Workbench bench, PretrainSpec spec, CancellationToken cancellation)
    {
        var tokenizer = new WordTokenizer(WorldVocabulary.Words);
        var corpora = spec.Stages.Select(s => s.Name).Zip(spec.Corpora()).ToDictionary(p => p.First, p => new WorldCorpus(p.Second));
        var config = ToConfig(spec, tokenizer);
        var untils = spec.Stages.ToDictionary(s => s.Name, s => s.Until);
        foreach (var (stage, until) in untils) Check(stage, until, corpora[stage].Exams);
        var examiner = new Examiner(spec.Evaluate.Questions, MaxAnswerTokens, tokenizer.IdOf("\n")!.Value);
        var hooks = new PretrainHooks
        {
            Log = bench.Output.WriteLine,
            Clock = bench.Clock,
            Evaluate = (model, progress) =>
            {
                var scores = examiner.Hold(model, corpora[progress.Stage.Name].Exams, cancellation);
                bench.Output.WriteLine($"{progress.Stage.Name}, step {progress.Step}: {Examiner.Show(scores)}");
                return untils[progress.Stage.Name] is { } until && scores.TryGetValue(until.Exam, out var accuracy) && accuracy >= until.Accuracy;
            },
        };
        var folder = spec.Output is null ? Path.Combine(bench.BasesFolder, spec.Base) : Path.Combine(bench.Root, spec.Output);
        var result = Pretrainer.Run(config, stage => corpora[stage.Name], tokenizer, target => tokenizer.Save(Path.Combine(target, "tokenizer.json")), folder, hooks, cancellation);
        bench.Output.WriteLine(FormattableString.Invariant($"{Workbench.Shown(result.Folder)}: {result.Steps} steps, {result.Tokens} tokens, loss {result.FinalLoss:0.000}, held out {result.HeldOutLoss:0.000}"));
        return 0;
    }

    private static PretrainConfig ToConfig(PretrainSpec spec, WordTokenizer tokenizer) => new()
    {
        Name = spec.Base,
        Model = spec.Model.ToConfig(tokenizer.VocabularySize),
        Seed = spec.Seed,
        Precision = spec.Precision,
        Device = MachineBases.Resolve(spec.Device),
        Beta1 = spec.Optimizer.Beta1,
        Beta2 = spec.Optimizer.Beta2,
        WeightDecay = spec.Optimizer.WeightDecay,
        ClipNorm = spec.Optimizer.ClipNorm,
        LogEvery = spec.Evaluate.LogEvery,
        CheckpointEvery = spec.Evaluate.CheckpointEvery,
        EvaluateEvery = spec.Evaluate.Every,
        Stages = [.. spec.Stages.Zip(spec.Corpora(), (stage, corpus) => new PretrainStage
        {
            Name = stage.Name,
            Steps = stage.Steps,
            BatchSequences = stage.Batch,
            BatchTokens = stage.BatchTokens,
            LearningRate = stage.LearningRate,
            FinalLearningRate = stage.FinalLearningRate,
            Schedule = stage.Schedule,
            WarmupSteps = stage.WarmupSteps,
            Corpus = CanonicalJson.Of(corpus).AsObject().ToDictionary(p => p.Key, p => p.Value?.ToJsonString() ?? "null"),
        })],
    };

    private static void Check(string stage, UntilSpec? until, IReadOnlyList<Exam> exams)
    {
        if (until is not null && exams.All(e => e.Name != until.Exam))
            throw new PbenchException($"stage {stage}: until: unknown exam '{until.Exam}'; expected one of {string.Join(", ", exams.Select(e => e.Name))}");
    }
}
