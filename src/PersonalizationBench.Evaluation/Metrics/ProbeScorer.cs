using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>From a dataset's probes and their answers to rows of <c>probes.csv</c>.</summary>
/// <param name="maxAnswerCharacters">What an answer says beyond is not read where its words are looked for.</param>
/// <param name="unknownAnswer">What is answered where nothing is known; null: whether something is answered is not asked.</param>
/// <param name="others">Users whose commonest habits of style are what a constant text would show.</param>
public sealed class ProbeScorer(int maxAnswerCharacters, string? unknownAnswer = null, IReadOnlyList<User>? others = null)
{
    /// <summary>null where no style is asked for.</summary>
    private readonly string? _constantStyle = StyleFeatures.ConstantText([.. (others ?? []).SelectMany(u => u.Probes).Where(p => p.Scoring == ProbeScoring.Style).Select(p => p.StyleFeatures)]);

    public ProbeScorer(Dataset dataset) : this(dataset.MaxAnswerCharacters, dataset.UnknownAnswer, dataset.TuningUsers) { }

    /// <summary>The row of the score that the probe asks for, and those of the others that its answer gives: of an answer in words whether it
    /// holds an accepted one, its F1, and whether it answers at all; of choices, also by likelihood per byte.</summary>
    /// <param name="cellKey">Key of the cell that gave the answer.</param>
    /// <exception cref="ArgumentException">The answer lacks what this probe's scoring needs: the strategy is at fault.</exception>
    public IEnumerable<ProbeRecord> Score(string cellKey, Probe probe, Answer answer)
    {
        if (answer.ProbeId != probe.Id) throw new ArgumentException($"the answer is to probe '{answer.ProbeId}'; expected '{probe.Id}'");
        foreach (var (metric, score) in Scores(probe, answer))
        {
            yield return new ProbeRecord
            {
                Key = cellKey,
                UserId = answer.UserId,
                ProbeId = probe.Id,
                Kind = probe.Kind,
                Metric = metric,
                Score = score,
                Chance = Chance(probe, metric),
                Answer = metric switch { Metric.Choice => probe.Choices[answer.Choice], Metric.ChoiceNormalized => probe.Choices[answer.ChoiceNormalized], _ => answer.Text },
                // The gold of a likelihood probe is a whole document, which belongs in the dataset and not in the results.
                Gold = probe.Scoring == ProbeScoring.BitsPerByte ? "" : probe.Gold,
                EvidenceRecall = EvidenceRecall.Score(answer.ContextIds, probe.EvidenceIds),
                PromptTokens = answer.PromptTokens,
            };
        }
    }

    private IEnumerable<(string Metric, double Score)> Scores(Probe probe, Answer answer)
    {
        switch (probe.Scoring)
        {
            case ProbeScoring.ExactMatch:
                yield return (Metric.ExactMatch, ExactMatch.Score(answer.Text, probe.Accepted));
                var said = answer.Text.Length > maxAnswerCharacters ? answer.Text[..maxAnswerCharacters] : answer.Text;
                yield return (Metric.Contains, Contains.Score(said, probe.Accepted));
                yield return (Metric.TokenF1, TokenF1.Score(said, probe.Accepted));
                // Where to say that it is not known is right, to answer is to be wrong: that is the exact match.
                if (unknownAnswer is { } unknown && Answered.Score(probe.Gold, unknown) == 1) yield return (Metric.Answered, Answered.Score(answer.Text, unknown));
                break;
            case ProbeScoring.Choice when answer.Choice < 0:
                throw new ArgumentException($"probe '{probe.Id}' is a choice, and the answer chose nothing");
            case ProbeScoring.Choice:
                break;
            case ProbeScoring.Style:
                yield return (Metric.Style, StyleFeatures.Score(answer.Text, probe.StyleFeatures));
                break;
            case ProbeScoring.BitsPerByte when answer.LogLikelihood is null:
                throw new ArgumentException($"probe '{probe.Id}' is scored by likelihood, and the answer has none");
            case ProbeScoring.BitsPerByte:
                yield return (Metric.BitsPerByte, BitsPerByte.Score(answer.LogLikelihood!.Value, probe.Gold));
                break;
            default:
                throw new ArgumentException($"probe '{probe.Id}': unknown scoring {probe.Scoring}");
        }
        if (probe.Choices.Count == 0 || probe.Scoring is not (ProbeScoring.Choice or ProbeScoring.ExactMatch)) yield break;
        if (answer.Choice >= 0) yield return (Metric.Choice, ChoiceAccuracy.Score(answer.Choice, probe.Choices, probe.Accepted));
        if (answer.ChoiceNormalized >= 0) yield return (Metric.ChoiceNormalized, ChoiceAccuracy.Score(answer.ChoiceNormalized, probe.Choices, probe.Accepted));
    }

    /// <summary>What who knows nothing of the user scores: one in the pool for an exact match, one in the choices for a choice, and for style
    /// what the one text that shows other users' commonest habits comes to; null where there is no such thing.</summary>
    public double? Chance(Probe probe, string metric) => metric switch
    {
        Metric.ExactMatch when probe.PoolSize > 1 => 1.0 / probe.PoolSize,
        Metric.Choice or Metric.ChoiceNormalized => 1.0 / probe.Choices.Count,
        Metric.Style when _constantStyle is not null => StyleFeatures.Score(_constantStyle, probe.StyleFeatures),
        _ => null,
    };
}
