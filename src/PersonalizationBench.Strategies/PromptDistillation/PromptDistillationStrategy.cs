using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.PromptDistillation;

/// <summary>Settings of prompt distillation: those of an adapter, whose study material is by default answered questions alone, by their
/// distributions.</summary>
public sealed record PromptDistillationOptions : AdapterSettings
{
    public PromptDistillationOptions() => Study = new StudyMaterial { Material = StudyKind.SelfStudy, Targets = StudyTargets.Soft, Documents = false };

    internal override IEnumerable<string> Problems(BaseInfo model)
    {
        foreach (var problem in base.Problems(model)) yield return problem;
        if (Study is { Material: not StudyKind.SelfStudy } or { Targets: not StudyTargets.Soft })
            yield return "study: prompt distillation learns what the base says with the documents in its prompt; expected material: self-study and targets: soft";
    }
}

/// <summary>
/// A low-rank adapter per user learns to say without the documents what the base says with them in its prompt: forward Kullback-Leibler
/// divergence to the base's distributions over its own answers (Kujanpaa et al., 2024, arXiv:2412.14964).
/// </summary>
public sealed class PromptDistillationStrategy(PromptDistillationOptions options) : IStrategy
{
    public bool IsTrained => true;

    public bool AsksStudyQuestions => true;

    public bool ReadsParaphrases => options.Study.Paraphrases > 0;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var study = StudyTexts.Of(request, options.Study, options.Pack, meter, cancellation);
        return new PersonalModels(request, InContext.Nothing, AdapterWeights.Train(request, options, study, meter, cancellation), new PromptAnswering(request)) { StudyPairs = study.Pairs };
    }
}
