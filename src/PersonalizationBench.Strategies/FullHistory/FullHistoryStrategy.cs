using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.FullHistory;

/// <summary>Settings of the full history in the prompt.</summary>
public sealed record FullHistoryOptions
{
    /// <summary>Upper bound on the tokens of the documents; null: as many as the base's context holds beside question and answer.</summary>
    public int? BudgetTokens { get; init; }

    internal IEnumerable<string> Problems(BaseInfo model)
    {
        if (BudgetTokens < 1) yield return $"budget_tokens must be at least 1, not {BudgetTokens}";
        if (BudgetTokens > model.ContextLength) yield return $"budget_tokens {BudgetTokens} is above the context of {model.Name}, {model.ContextLength} tokens";
    }
}

/// <summary>All documents in the prompt, oldest first; whole documents are dropped, oldest first, where they exceed the budget.</summary>
public sealed class FullHistoryStrategy(FullHistoryOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var newestFirst = request.Histories.Select(h => InContext.Newest(h.Documents.Count)).ToList();
        return InContext.Models(request, (user, _) => newestFirst[user], StoredBytes.MeanPerUser(request.Histories.Select(h => StoredBytes.Of(h.Documents))), options.BudgetTokens);
    }
}
