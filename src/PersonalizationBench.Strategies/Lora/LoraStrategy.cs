using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Lora;

/// <summary>Settings of an adapter per user.</summary>
public sealed record LoraStrategyOptions : AdapterSettings;

/// <summary>A low-rank adapter per user, trained on the user's documents (Hu et al., 2021, arXiv:2106.09685); the prompt is the bare question.</summary>
public sealed class LoraStrategy(LoraStrategyOptions options) : IStrategy
{
    public bool IsTrained => true;

    /// <summary>The adapter of the request's one user that training goes on from; its rank, scaling and modules are kept, whatever the
    /// options say. Null: training begins with nothing.</summary>
    public PeftAdapter? Parent { get; init; }

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation) =>
        new PersonalModels(request, InContext.Nothing, AdapterWeights.Train(request, options, meter, cancellation, Parent), new PromptAnswering(request));

    /// <summary>The request's one user with an adapter as it is: nothing is trained.</summary>
    public static IPersonalModels Load(AdaptationRequest request, PeftAdapter adapter) =>
        new PersonalModels(request, InContext.Nothing, AdapterWeights.Of(request, adapter), new PromptAnswering(request));
}
