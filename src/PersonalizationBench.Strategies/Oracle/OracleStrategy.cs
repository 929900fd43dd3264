using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Oracle;

/// <summary>Nothing to set.</summary>
public sealed record OracleOptions : IDatasetNeeds
{
    public IEnumerable<string> Lacks(Dataset dataset)
    {
        if (dataset.Users.All(u => u.Probes.All(p => p.EvidenceIds.Count == 0))) yield return "no probe names its evidence, which is all that the oracle reads; expected probes with evidence, or a study without this strategy";
    }
}

/// <summary>The gold evidence in the prompt: the ceiling of everything that retrieves. A probe without evidence is asked bare.</summary>
public sealed class OracleStrategy : IStrategy
{
    public bool SeesEvidence => true;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation) =>
        InContext.Models(
            request,
            (user, question) => Evidence(request.Histories[user].Documents, question.EvidenceIds),
            StoredBytes.MeanPerUser(request.Histories.Select(h => StoredBytes.Of(h.Documents))));

    /// <summary>Newest first, so that an older telling gives way to a newer one.</summary>
    private static List<int> Evidence(IReadOnlyList<Document> documents, IReadOnlyList<string> ids) =>
        InContext.Newest(documents.Count).Where(p => ids.Contains(documents[p].Id)).ToList();
}
