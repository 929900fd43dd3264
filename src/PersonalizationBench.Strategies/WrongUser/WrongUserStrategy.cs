using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.WrongUser;

/// <summary>
/// The control over any strategy: every user gets the documents of the next user (by id, the last one those of the
/// first), so that nobody keeps their own and the pairs do not hang on the order of the request. Questions and answers
/// stay the asking user's. What remains of a strategy's gain is not personal.
/// </summary>
internal sealed class WrongUserStrategy(IStrategy inner) : IStrategy
{
    public bool SeesEvidence => inner.SeesEvidence;

    public bool IsTrained => inner.IsTrained;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        if (request.Histories.Count < 2) throw new PbenchException($"the wrong-user control needs at least 2 users, not {request.Histories.Count}");
        var ring = request.Histories.OrderBy(h => h.Id, StringComparer.Ordinal).ToList();
        var next = ring.Select((h, i) => (h.Id, ring[(i + 1) % ring.Count].Documents)).ToDictionary(p => p.Id, p => p.Documents, StringComparer.Ordinal);
        return inner.Adapt(request with { Histories = request.Histories.Select(h => h with { Documents = next[h.Id] }).ToList() }, meter, cancellation);
    }
}
