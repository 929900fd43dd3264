using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.WrongUser;

/// <summary>
/// The control over any strategy: every user gets the history of another one, with what can be studied of it, so that nobody keeps their
/// own and the pairs do not hang on the order of the request. Questions and answers stay the asking user's. What remains of a
/// strategy's gain is not personal.
/// </summary>
/// <remarks>
/// Users stand in a ring by id, and the documents are those of the first, second or third user on: seeds 1, 2, 3 rotate by 1, 2, 3,
/// seed 4 by 1 again. Who is alike by chance in one rotation is not in the next, so that a control is no accident of one pairing.
/// </remarks>
internal sealed class WrongUserStrategy(IStrategy inner) : IStrategy
{
    private const int Rotations = 3;

    public bool SeesEvidence => inner.SeesEvidence;

    public bool IsTrained => inner.IsTrained;

    public bool AsksStudyQuestions => inner.AsksStudyQuestions;

    public bool ReadsParaphrases => inner.ReadsParaphrases;

    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation)
    {
        if (request.Histories.Count < 2) throw new PbenchException($"the wrong-user control needs at least 2 users, not {request.Histories.Count}");
        var ring = request.Histories.OrderBy(h => h.Id, StringComparer.Ordinal).ToList();
        var rotation = 1 + (int)(((request.Seed - 1) % Rotations + Rotations) % Rotations % (ring.Count - 1));
        var next = ring.Select((h, i) => (h.Id, History: ring[(i + rotation) % ring.Count])).ToDictionary(p => p.Id, p => p.History, StringComparer.Ordinal);
        return inner.Adapt(request with { Histories = request.Histories.Select(h => next[h.Id] with { Id = h.Id, Name = h.Name }).ToList() }, meter, cancellation);
    }
}
