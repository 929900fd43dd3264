namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>What retrieval brought of what it should have brought.</summary>
public static class EvidenceRecall
{
    /// <summary>Share of the evidence documents that were in the prompt; null for a probe without evidence.</summary>
    public static double? Score(IReadOnlyCollection<string> contextIds, IReadOnlyCollection<string> evidenceIds) =>
        evidenceIds.Count == 0 ? null : evidenceIds.Count(contextIds.Contains) / (double)evidenceIds.Count;
}
