using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.RecentHistory;

/// <summary>Settings of the recent history in the prompt.</summary>
public sealed record RecentHistoryOptions
{
    /// <summary>How many of the newest documents are in the prompt (fewer where they do not fit).</summary>
    public int Documents { get; init; } = 4;

    internal IEnumerable<string> Problems()
    {
        if (Documents < 1) yield return $"documents must be at least 1, not {Documents}";
    }
}

/// <summary>The newest documents in the prompt, oldest first; nothing older is kept.</summary>
public sealed class RecentHistoryStrategy(RecentHistoryOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var newestFirst = request.Histories.Select(h => InContext.Newest(h.Documents.Count, options.Documents)).ToList();
        return InContext.Models(request, (user, _) => newestFirst[user], StoredBytes.MeanPerUser(request.Histories.Select(h => StoredBytes.Of(h.Documents.TakeLast(options.Documents)))));
    }
}
