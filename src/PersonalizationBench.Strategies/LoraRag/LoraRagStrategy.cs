using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.LoraRag;

/// <summary>Settings of an adapter per user with retrieval.</summary>
public sealed record LoraRagOptions : AdapterSettings
{
    /// <summary>Documents per question (fewer where fewer share a word with it, or where they do not fit).</summary>
    public int K { get; init; } = 4;

    /// <summary>oldest-first, newest-first, best-first or best-last.</summary>
    public DocumentOrder Order { get; init; }

    internal override IEnumerable<string> Problems(BaseInfo model) => base.Problems(model).Concat(Retrieval.Problems(K));
}

/// <summary>A low-rank adapter per user reads a prompt with the documents that BM25 ranks highest.</summary>
public sealed class LoraRagStrategy(LoraRagOptions options) : IStrategy
{
    public bool IsTrained => true;

    public bool AsksStudyQuestions => options.Study.AsksQuestions;

    public bool ReadsParaphrases => options.Study.Paraphrases > 0;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        var retrieval = new Retrieval(request.Histories, options.K, cancellation);
        try
        {
            var study = StudyTexts.Of(request, options.Study, options.Pack, meter, cancellation);
            return new PersonalModels(request, retrieval.Select, AdapterWeights.Train(request, options, study, meter, cancellation), new PromptAnswering(request, new ContextSettings(options.Order)))
            {
                StudyPairs = study.Pairs,
                StoredContextBytes = retrieval.StoredBytesPerUser,
                Owned = [retrieval],
            };
        }
        catch
        {
            retrieval.Dispose();
            throw;
        }
    }
}
