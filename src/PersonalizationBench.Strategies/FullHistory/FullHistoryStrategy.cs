using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.FullHistory;

/// <summary>Settings of the full history in the prompt.</summary>
public sealed record FullHistoryOptions
{
    /// <summary>Upper bound on the tokens of the documents; null: as many as the base's context holds beside question and answer.</summary>
    public int? BudgetTokens { get; init; }

    /// <summary>oldest-first or newest-first.</summary>
    public DocumentOrder Order { get; init; }

    internal ContextSettings Context => new(Order, BudgetTokens);

    internal IEnumerable<string> Problems(BaseInfo model) => Context.Problems(model, isRanked: false);
}

/// <summary>All documents in the prompt; whole documents are dropped, oldest first, where they exceed the budget.</summary>
public sealed class FullHistoryStrategy(FullHistoryOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var newestFirst = request.Histories.Select(h => InContext.Newest(h.Documents.Count)).ToList();
        return InContext.Models(request, (user, _) => newestFirst[user], StoredBytes.MeanPerUser(request.Histories.Select(h => StoredBytes.Of(h.Documents))), options.Context);
    }
}
