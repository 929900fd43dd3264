using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Rag;

/// <summary>Settings of retrieval.</summary>
public sealed record RagOptions
{
    /// <summary>Documents per question (fewer where fewer share a word with it, or where they do not fit).</summary>
    public int K { get; init; } = 4;

    /// <summary>oldest-first, newest-first, best-first or best-last.</summary>
    public DocumentOrder Order { get; init; }

    /// <summary>Upper bound on the tokens of the documents; null: as many as the base's context holds beside question and answer.</summary>
    public int? BudgetTokens { get; init; }

    internal ContextSettings Context => new(Order, BudgetTokens);

    internal IEnumerable<string> Problems(BaseInfo model) => Retrieval.Problems(K).Concat(Context.Problems(model, isRanked: true));
}

/// <summary>The documents that BM25 ranks highest for the question, in the prompt.</summary>
public sealed class RagStrategy(RagOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var retrieval = new Retrieval(request.Histories, options.K, cancellation);
        return new PersonalModels(request, retrieval.Select, new BaseWeights(), new PromptAnswering(request, options.Context))
        {
            StoredContextBytes = retrieval.StoredBytesPerUser,
            Owned = [retrieval],
        };
    }
}
