using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.UnsureRag;

/// <summary>Settings of an adapter per user with an index for what it is unsure of.</summary>
public sealed record UnsureRagOptions : AdapterSettings
{
    /// <summary>Documents per question that is looked up (fewer where fewer share a word with it, or where they do not fit).</summary>
    public int K { get; init; } = 4;

    /// <summary>An answer whose probability under the adapter is below this is looked up, 0 to 1; an answer of "unknown" always is.</summary>
    public double Threshold { get; init; } = 0.5;

    internal override IEnumerable<string> Problems(BaseInfo model)
    {
        foreach (var problem in base.Problems(model).Concat(Retrieval.Problems(K))) yield return problem;
        if (!(Threshold >= 0 && Threshold <= 1)) yield return FormattableString.Invariant($"threshold must be between 0 and 1, not {Threshold}");
    }
}

/// <summary>
/// Retrieve when unsure: the adapter answers the bare question; where it holds its own answer improbable, or says that it is unknown, the base
/// reads the documents that BM25 ranks highest and answers instead. What has no right answer (style, likelihood) is the adapter's alone.
/// </summary>
public sealed class UnsureRagStrategy(UnsureRagOptions options) : IStrategy
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
            var own = new PersonalModels(request, InContext.Nothing, AdapterWeights.Train(request, options, study, meter, cancellation), new PromptAnswering(request)) { StudyPairs = study.Pairs };
            var index = new PersonalModels(request, retrieval.Select, new BaseWeights(), new PromptAnswering(request)) { StoredContextBytes = retrieval.StoredBytesPerUser, Owned = [retrieval] };
            return new UnsureModels(own, index, options.Threshold, request);
        }
        catch
        {
            retrieval.Dispose();
            throw;
        }
    }
}
