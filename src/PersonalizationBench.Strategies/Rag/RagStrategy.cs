using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Rag;

/// <summary>Settings of retrieval.</summary>
public sealed record RagOptions
{
    /// <summary>Documents per question (fewer where fewer share a word with it, or where they do not fit).</summary>
    public int K { get; init; } = 4;

    internal IEnumerable<string> Problems() => Retrieval.Problems(K);
}

/// <summary>The documents that BM25 ranks highest for the question, in the prompt in order of their dates.</summary>
public sealed class RagStrategy(RagOptions options) : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var retrieval = new Retrieval(request.Histories, options.K, cancellation);
        return new PersonalModels(request, retrieval.Select, new BaseWeights(), new PromptAnswering(request))
        {
            StoredContextBytes = retrieval.StoredBytesPerUser,
            Owned = [retrieval],
        };
    }
}
