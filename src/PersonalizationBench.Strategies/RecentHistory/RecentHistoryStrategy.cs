using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.RecentHistory;

/// <summary>Settings of the recent history in the prompt.</summary>
public sealed record RecentHistoryOptions
{
    /// <summary>How many of the newest documents are in the prompt (fewer where they do not fit).</summary>
    public int Documents { get; init; } = 4;

    /// <summary>oldest-first or newest-first.</summary>
    public DocumentOrder Order { get; init; }

    internal ContextSettings Context => new(Order);

    internal IEnumerable<string> Problems(BaseInfo model)
    {
        if (Documents < 1) yield return $"documents must be at least 1, not {Documents}";
        foreach (var problem in Context.Problems(model, isRanked: false)) yield return problem;
    }
}

/// <summary>The newest documents in the prompt; nothing older is kept.</summary>
public sealed class RecentHistoryStrategy(RecentHistoryOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var newestFirst = request.Histories.Select(h => InContext.Newest(h.Documents.Count, options.Documents)).ToList();
        return InContext.Models(request, (user, _) => newestFirst[user], StoredBytes.MeanPerUser(request.Histories.Select(h => StoredBytes.Of(h.Documents.TakeLast(options.Documents)))), options.Context);
    }
}
