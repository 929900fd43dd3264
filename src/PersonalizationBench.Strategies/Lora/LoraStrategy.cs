using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Lora;

/// <summary>Settings of an adapter per user.</summary>
public sealed record LoraStrategyOptions : AdapterSettings;

/// <summary>A low-rank adapter per user, trained on the user's documents (Hu et al., 2021, arXiv:2106.09685); the prompt is the bare question.</summary>
public sealed class LoraStrategy(LoraStrategyOptions options) : IStrategy
{
    public bool IsTrained => true;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation) =>
        new PersonalModels(request, InContext.Nothing, AdapterWeights.Train(request, options, meter, cancellation), new PromptAnswering(request));
}
