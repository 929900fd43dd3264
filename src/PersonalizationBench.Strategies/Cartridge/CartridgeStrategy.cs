using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Cartridge;

/// <summary>Settings of a cartridge per user.</summary>
public sealed record CartridgeOptions
{
    /// <summary>Positions of keys and values, at most a quarter of the base's context; they begin as those of the history's first tokens.</summary>
    public int Tokens { get; init; } = 16;

    /// <summary>Steps per user; null: as many as <see cref="Epochs"/> asks for.</summary>
    public int? Steps { get; init; }

    /// <summary>Times that each text is read, where <see cref="Steps"/> is null.</summary>
    public double Epochs { get; init; } = 10;

    /// <summary>Sequences of one user in one step.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Peak; warmed up and then lowered along a cosine.</summary>
    public double LearningRate { get; init; } = 2e-2;

    /// <summary>What is trained on: by default answered questions alone, by their distributions.</summary>
    public StudyMaterial Study { get; init; } = new() { Material = StudyKind.SelfStudy, Targets = StudyTargets.Soft, Documents = false };

    internal IEnumerable<string> Problems(BaseInfo model)
    {
        foreach (var problem in TrainingProblems.Of(Steps, Epochs, Batch, LearningRate, weightDecay: 0).Concat(Study.Problems())) yield return problem;
        if (Tokens < 2 || Tokens > model.ContextLength / 4) yield return $"tokens must be 2 to {model.ContextLength / 4}, a quarter of the context of {model.Name}, not {Tokens}";
        if (model.Architecture.StartsWith("mamba", StringComparison.Ordinal)) yield return $"a cartridge is keys and values, of which {model.Name} ({model.Architecture}) has none";
    }
}

/// <summary>
/// Keys and values per user, trained to stand before a question in place of the history (Eyuboglu et al., 2025, arXiv:2506.06266): begun as the
/// history's own, the first position kept as it is, and taught by the base that reads the whole history. The weights are the base's.
/// </summary>
public sealed class CartridgeStrategy(CartridgeOptions options) : IStrategy
{
    public bool IsTrained => true;

    public bool AsksStudyQuestions => options.Study.AsksQuestions;

    public bool ReadsParaphrases => options.Study.Paraphrases > 0;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var study = StudyTexts.Of(request, options.Study, pack: false, meter, cancellation);
        return new PersonalModels(request, InContext.Nothing, CartridgeWeights.Train(request, options, study, meter, cancellation), new PromptAnswering(request, before: options.Tokens)) { StudyPairs = study.Pairs };
    }
}
