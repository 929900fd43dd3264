using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>In which order documents stand in a prompt, the question behind them all.</summary>
public enum DocumentOrder
{
    OldestFirst,
    NewestFirst,

    /// <summary>As they were ranked: the best is read first.</summary>
    BestFirst,

    /// <summary>The best stands next to the question.</summary>
    BestLast,
}

/// <summary>How a prompt is made of the documents that a strategy wants in it.</summary>
/// <param name="BudgetTokens">Upper bound on the documents' tokens; null: as many as the base's context holds beside question and answer.</param>
internal sealed record ContextSettings(DocumentOrder Order = DocumentOrder.OldestFirst, int? BudgetTokens = null)
{
    /// <param name="isRanked">Whether the documents are ranked by more than their dates.</param>
    public IEnumerable<string> Problems(BaseInfo model, bool isRanked)
    {
        if (BudgetTokens < 1) yield return $"budget_tokens must be at least 1, not {BudgetTokens}";
        if (BudgetTokens > model.ContextLength) yield return $"budget_tokens {BudgetTokens} is above the context of {model.Name}, {model.ContextLength} tokens";
        if (!isRanked && Order is DocumentOrder.BestFirst or DocumentOrder.BestLast) yield return "order must be oldest-first or newest-first: nothing ranks these documents but their dates";
    }
}
