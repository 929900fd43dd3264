using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.ContinuedPretraining;

/// <summary>Settings of continued pretraining per user.</summary>
public sealed record ContinuedPretrainingOptions : IDatasetNeeds
{
    /// <summary>Steps per user; null: as many as <see cref="Epochs"/> asks for.</summary>
    public int? Steps { get; init; }

    /// <summary>Times that each text is read, where <see cref="Steps"/> is null.</summary>
    public double Epochs { get; init; } = 10;

    /// <summary>Sequences in one step, replay included.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Share of the sequences that are general text (Ibrahim et al., 2024, arXiv:2403.08763); 0 for none.</summary>
    public double ReplayShare { get; init; } = 0.25;

    /// <summary>Peak; warmed up again and then lowered along a cosine.</summary>
    public double LearningRate { get; init; } = 3e-4;

    /// <summary>Decoupled weight decay of the matrices.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Join documents, oldest first, into sequences as long as the context allows; else each document is a sequence.</summary>
    public bool Pack { get; init; }

    /// <summary>What is trained on.</summary>
    public StudyMaterial Study { get; init; } = new();

    public IEnumerable<string> Lacks(Dataset dataset)
    {
        if (ReplayShare > 0 && dataset.ReplayTexts.Count == 0) yield return FormattableString.Invariant($"replay_share is {ReplayShare}, and the dataset has no texts for replay; expected some (general_texts), or replay_share: 0");
    }

    internal IEnumerable<string> Problems()
    {
        foreach (var problem in Study.Problems()) yield return problem;
        foreach (var problem in TrainingProblems.Of(Steps, Epochs, Batch, LearningRate, WeightDecay)) yield return problem;
        if (!(ReplayShare >= 0 && ReplayShare < 1)) yield return FormattableString.Invariant($"replay_share must be at least 0 and below 1, not {ReplayShare}");
    }
}

/// <summary>
/// All weights go on training from the base on one user's study material, mixed with replay of general text against
/// forgetting; users one after another, each with weights of their own. The prompt is the bare question.
/// </summary>
public sealed class ContinuedPretrainingStrategy(ContinuedPretrainingOptions options) : IStrategy
{
    public bool IsTrained => true;

    public bool AsksStudyQuestions => options.Study.AsksQuestions;

    public bool ReadsParaphrases => options.Study.Paraphrases > 0;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var study = StudyTexts.Of(request, options.Study, options.Pack, meter, cancellation);
        return new PersonalModels(request, InContext.Nothing, OwnWeights.Train(request, options, study, meter, cancellation), new PromptAnswering(request)) { StudyPairs = study.Pairs };
    }
}
