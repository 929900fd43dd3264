using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>From a probe and its answer to rows of <c>probes.csv</c>.</summary>
public static class ProbeScorer
{
    /// <summary>One row; two for an exact-match probe that also has choices, of which the answer names one.</summary>
    /// <param name="cellKey">Key of the cell that gave the answer.</param>
    /// <exception cref="ArgumentException">The answer lacks what this probe's scoring needs: the strategy is at fault.</exception>
    public static IEnumerable<ProbeRecord> Score(string cellKey, Probe probe, Answer answer)
    {
        if (answer.ProbeId != probe.Id) throw new ArgumentException($"the answer is to probe '{answer.ProbeId}'; expected '{probe.Id}'");
        var (metric, score) = probe.Scoring switch
        {
            ProbeScoring.ExactMatch => (Metric.ExactMatch, ExactMatch.Score(answer.Text, probe.Accepted)),
            ProbeScoring.Choice when answer.Choice < 0 => throw new ArgumentException($"probe '{probe.Id}' is a choice, and the answer chose nothing"),
            ProbeScoring.Choice => (Metric.Choice, ChoiceAccuracy.Score(answer.Choice, probe.Choices, probe.Accepted)),
            ProbeScoring.Style => (Metric.Style, StyleFeatures.Score(answer.Text, probe.StyleFeatures)),
            ProbeScoring.BitsPerByte when answer.LogLikelihood is null => throw new ArgumentException($"probe '{probe.Id}' is scored by likelihood, and the answer has none"),
            ProbeScoring.BitsPerByte => (Metric.BitsPerByte, BitsPerByte.Score(answer.LogLikelihood!.Value, probe.Gold)),
            _ => throw new ArgumentException($"probe '{probe.Id}': unknown scoring {probe.Scoring}"),
        };
        var record = new ProbeRecord
        {
            Key = cellKey,
            UserId = answer.UserId,
            ProbeId = probe.Id,
            Kind = probe.Kind,
            Metric = metric,
            Score = score,
            Chance = Chance(probe, metric),
            Answer = answer.Text,
            // The gold of a likelihood probe is a whole document, which belongs in the dataset and not in the results.
            Gold = probe.Scoring == ProbeScoring.BitsPerByte ? "" : probe.Gold,
            EvidenceRecall = EvidenceRecall.Score(answer.ContextIds, probe.EvidenceIds),
            PromptTokens = answer.PromptTokens,
        };
        yield return record;
        if (probe.Scoring == ProbeScoring.ExactMatch && probe.Choices.Count > 0 && answer.Choice >= 0)
        {
            yield return record with
            {
                Metric = Metric.Choice,
                Score = ChoiceAccuracy.Score(answer.Choice, probe.Choices, probe.Accepted),
                Chance = Chance(probe, Metric.Choice),
                Answer = probe.Choices[answer.Choice],
            };
        }
    }

    /// <summary>What guessing scores in expectation: one in the pool for an exact match, one in the choices for a choice;
    /// null where there is no pool to guess from.</summary>
    public static double? Chance(Probe probe, string metric) => metric switch
    {
        Metric.ExactMatch when probe.PoolSize > 1 => 1.0 / probe.PoolSize,
        Metric.Choice => 1.0 / probe.Choices.Count,
        _ => null,
    };
}
