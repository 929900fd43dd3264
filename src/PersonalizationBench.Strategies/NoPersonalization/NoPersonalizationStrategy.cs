using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.NoPersonalization;

/// <summary>Nothing to set.</summary>
public sealed record NoPersonalizationOptions;

/// <summary>The bare base reads the bare question: what every other strategy is measured against.</summary>
public sealed class NoPersonalizationStrategy : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation) =>
        InContext.Models(request, InContext.Nothing, storedBytes: 0);
}
