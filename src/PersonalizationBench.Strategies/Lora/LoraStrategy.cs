using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Lora;

/// <summary>Settings of an adapter per user.</summary>
public sealed record LoraStrategyOptions : AdapterSettings;

/// <summary>A low-rank adapter per user, trained on the user's study material (Hu et al., 2021, arXiv:2106.09685); the prompt is the bare question.</summary>
public sealed class LoraStrategy(LoraStrategyOptions options) : IStrategy
{
    public bool IsTrained => true;

    public bool AsksStudyQuestions => options.Study.AsksQuestions;

    public bool ReadsParaphrases => options.Study.Paraphrases > 0;

    /// <summary>The adapter of the request's one user that training goes on from; its rank, scaling and modules are kept, whatever the
    /// options say. Null: training begins with nothing.</summary>
    public PeftAdapter? Parent { get; init; }

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var study = StudyTexts.Of(request, options.Study, options.Pack, meter, cancellation);
        return new PersonalModels(request, InContext.Nothing, AdapterWeights.Train(request, options, study, meter, cancellation, Parent), new PromptAnswering(request)) { StudyPairs = study.Pairs };
    }

    /// <summary>The request's one user with an adapter as it is: nothing is trained.</summary>
    public static IPersonalModels Load(AdaptationRequest request, PeftAdapter adapter) =>
        new PersonalModels(request, InContext.Nothing, AdapterWeights.Of(request, adapter), new PromptAnswering(request));
}
