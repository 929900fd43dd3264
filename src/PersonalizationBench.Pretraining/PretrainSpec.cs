using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.World;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers;

namespace PersonalizationBench.Pretraining;

/// <summary>A base to be trained, as its file in <c>experiments/pretrain</c> says it.</summary>
public sealed record PretrainSpec
{
    private const string WorldWords = "world", Bytes = "bytes";

    /// <summary>The name; the file's own, too.</summary>
    public required string Base { get; init; }

    public required ModelSpec Model { get; init; }

    /// <summary>world: the pretraining population of the synthetic world; novels: English.</summary>
    [AllowedValues(TrainingData.World, TrainingData.Novels, ErrorMessage = "expected world or novels")]
    public string Data { get; init; } = TrainingData.World;

    /// <summary>world: the words of the synthetic world, and bytes for the rest; bytes: the bytes of UTF-8 alone.</summary>
    [AllowedValues(WorldWords, Bytes, ErrorMessage = "expected world or bytes")]
    public string Tokenizer { get; init; } = WorldWords;

    public Precision Precision { get; init; } = Precision.Auto;

    [AllowedValues("auto", "cpu", "cuda", ErrorMessage = "expected auto, cpu or cuda")]
    public string Device { get; init; } = "auto";

    public long Seed { get; init; }

    public OptimizerSpec Optimizer { get; init; } = new();

    /// <summary>Corpus settings of the first stage, where it does not give others.</summary>
    public YamlSection? Corpus { get; init; }

    [MinLength(1, ErrorMessage = "expected at least one stage")]
    public required IReadOnlyList<StageSpec> Stages { get; init; }

    /// <summary>Times the learning rates of all stages.</summary>
    [Range(1e-3, 1e3)] public double LearningRateScale { get; init; } = 1;

    public EvaluateSpec Evaluate { get; init; } = new();

    /// <summary>The base's folder (default: <c>datasets/bases/BASE</c>).</summary>
    public string? Output { get; init; }

    /// <exception cref="PbenchException">Unreadable, not strict YAML, or a name that is not the file's.</exception>
    public static PretrainSpec Read(string path)
    {
        var section = StrictYaml.ReadFile(path);
        var spec = StrictYaml.Bind<PretrainSpec>(section);
        var name = Path.GetFileNameWithoutExtension(path);
        return spec.Base == name ? spec : throw PbenchException.At(path, section.LineOf("base"), $"base: the base is called '{spec.Base}' and the file '{name}'; expected one name");
    }

    /// <summary>Every stage's corpus: what a stage does not give is as in the stage before it.</summary>
    internal IReadOnlyList<StageCorpus> Corpora(DataFiles files)
    {
        var above = Corpus ?? new YamlSection("", 1, "corpus", YamlKind.Mapping);
        return [.. Stages.Select(stage =>
        {
            above = stage.Corpus?.Over(above) ?? above;
            return TrainingData.Of(Data, above, files);
        })];
    }

    /// <summary>The tokenizer that the name means.</summary>
    public WordTokenizer ToTokenizer() => new(Tokenizer == WorldWords ? WorldVocabulary.Words : ["\n"]);

    /// <param name="vocabulary">Of the tokenizer.</param>
    /// <param name="corpora">Of every stage.</param>
    internal PretrainConfig ToConfig(int vocabulary, IReadOnlyList<StageCorpus> corpora) => new()
    {
        Name = Base,
        Model = Model.ToConfig(vocabulary),
        Seed = Seed,
        Precision = Precision,
        Device = MachineBases.Resolve(Device),
        Beta1 = Optimizer.Beta1,
        Beta2 = Optimizer.Beta2,
        WeightDecay = Optimizer.WeightDecay,
        ClipNorm = Optimizer.ClipNorm,
        LogEvery = Evaluate.LogEvery,
        CheckpointEvery = Evaluate.CheckpointEvery,
        EvaluateEvery = Evaluate.Every,
        Stages = [.. Stages.Zip(corpora, (stage, corpus) => new PretrainStage
        {
            Name = stage.Name,
            Steps = stage.Steps,
            BatchSequences = stage.Batch,
            BatchTokens = stage.BatchTokens,
            LearningRate = LearningRateScale * stage.LearningRate,
            FinalLearningRate = LearningRateScale * stage.FinalLearningRate,
            Schedule = stage.Schedule,
            WarmupSteps = stage.WarmupSteps,
            Corpus = corpus.Settings,
        })],
    };
}

/// <summary>AdamW's settings.</summary>
public sealed record OptimizerSpec
{
    [Range(0.0, 1.0)] public double Beta1 { get; init; } = 0.9;
    [Range(0.0, 1.0)] public double Beta2 { get; init; } = 0.95;
    [Range(0.0, 10.0)] public double WeightDecay { get; init; } = 0.1;
    [Range(1e-6, 1e6)] public double ClipNorm { get; init; } = 1;
}

/// <summary>A stretch of training.</summary>
public sealed record StageSpec
{
    public required string Name { get; init; }
    [Range(1, int.MaxValue)] public required int Steps { get; init; }

    /// <summary>Sequences of a step; or <see cref="BatchTokens"/>.</summary>
    [Range(1, 1 << 20)] public int? Batch { get; init; }

    /// <summary>Tokens of a step.</summary>
    [Range(1, 1 << 26)] public int? BatchTokens { get; init; }

    [Range(1e-9, 1.0)] public required double LearningRate { get; init; }
    [Range(0.0, 1.0)] public double? FinalLearningRate { get; init; }
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Constant;
    [Range(0, int.MaxValue)] public int WarmupSteps { get; init; }

    /// <summary>Ends the stage before its last step.</summary>
    public UntilSpec? Until { get; init; }

    /// <summary>Bound once what it inherits is known.</summary>
    public YamlSection? Corpus { get; init; }
}

/// <summary>An exam passed.</summary>
public sealed record UntilSpec
{
    public required string Exam { get; init; }
    [Range(0.0, 1.0)] public required double Accuracy { get; init; }
}

/// <summary>How often the exams are held, and how much is asked.</summary>
public sealed record EvaluateSpec
{
    /// <summary>Steps between two.</summary>
    [Range(1, int.MaxValue)] public int Every { get; init; } = 500;

    /// <summary>Most questions of an exam.</summary>
    [Range(1, 1 << 16)] public int Questions { get; init; } = 64;

    [Range(1, int.MaxValue)] public int LogEvery { get; init; } = 50;
    [Range(1, int.MaxValue)] public int CheckpointEvery { get; init; } = 1000;
}
