using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;

namespace PersonalizationBench.Cli.Adapt;

/// <summary>The mean score of some probes that are judged alike.</summary>
/// <param name="Metric">How, in the words of <c>probes.csv</c>.</param>
internal sealed record GroupScore(string Group, string Metric, double Value, int Probes)
{
    public string Name => $"{Group} {Metric}";
}

/// <summary>What a personal model, or the base, scores on the probes of a source.</summary>
internal sealed class Scores
{
    private Scores(IReadOnlyList<GroupScore> groups) => Groups = groups;

    /// <summary>By group and metric, in the order of the probes.</summary>
    public IReadOnlyList<GroupScore> Groups { get; }

    /// <summary>The share of right answers over all probes that have one; null where none has.</summary>
    public double? Accuracy => Mean(isHigherBetter: true);

    /// <summary>The mean over all texts that are scored by likelihood; null where there are none.</summary>
    public double? BitsPerByte => Mean(isHigherBetter: false);

    /// <exception cref="DivergedException">A score is no number: the model is none any more.</exception>
    public static Scores Of(IPersonalModels models, AdaptSource source, CancellationToken cancellation)
    {
        var answers = models.Answer([.. source.Probes.Select(p => Question.From(source.UserId, p.Probe, withEvidence: false))], CostMeter.Unread(), cancellation);
        // The first row of a probe is its own scoring; a second one looks at the same answer through its choices.
        var rows = source.Probes.Zip(answers).Select(p => (p.First.Group, Row: ProbeScorer.Score("", p.First.Probe, p.Second).First())).ToList();
        if (rows.FirstOrDefault(r => !double.IsFinite(r.Row.Score)).Row is { } bad) throw new DivergedException($"the score of probe {bad.ProbeId} is not finite");
        return new Scores([.. rows.GroupBy(r => (r.Group, r.Row.Metric)).Select(g => new GroupScore(g.Key.Group, g.Key.Metric, g.Average(r => r.Row.Score), g.Count()))]);
    }

    /// <summary>Whether this is worse by more than the tolerance: fewer right answers, or more bits per byte.</summary>
    public bool FallsBelow(Scores before, double tolerance) => Accuracy < before.Accuracy - tolerance || BitsPerByte > before.BitsPerByte + tolerance;

    /// <summary>Probes of a group, however they are judged.</summary>
    public int CountOf(string group) => Groups.Where(g => g.Group == group).Sum(g => g.Probes);

    /// <summary>The share of right answers in a group; null where it has none.</summary>
    public double? MeanOf(string group) => Mean(Groups.Where(g => g.Group == group && Metric.IsHigherBetter(g.Metric)));

    private double? Mean(bool isHigherBetter) => Mean(Groups.Where(g => Metric.IsHigherBetter(g.Metric) == isHigherBetter));

    private static double? Mean(IEnumerable<GroupScore> groups)
    {
        var (sum, probes) = groups.Aggregate((Sum: 0.0, Probes: 0), (all, g) => (all.Sum + g.Value * g.Probes, all.Probes + g.Probes));
        return probes == 0 ? null : sum / probes;
    }
}
