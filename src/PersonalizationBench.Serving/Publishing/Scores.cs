namespace PersonalizationBench.Serving;

/// <summary>The mean score of some probes that are judged alike.</summary>
/// <param name="Metric">How, in the words of <c>probes.csv</c>.</param>
public sealed record GroupScore(string Group, string Metric, bool IsHigherBetter, double Value, int Probes)
{
    public string Name => $"{Group} {Metric}";
}

/// <summary>What a personal model, or the base, scores on the probes of a source.</summary>
/// <param name="Groups">By group and metric, in the order of the probes.</param>
public sealed record Scores(IReadOnlyList<GroupScore> Groups)
{
    /// <summary>The share of right answers over all probes that have one; null where none has.</summary>
    public double? Accuracy => Mean(isHigherBetter: true);

    /// <summary>The mean over all texts that are scored by likelihood; null where there are none.</summary>
    public double? BitsPerByte => Mean(isHigherBetter: false);

    /// <summary>Whether this is worse by more than the tolerance: fewer right answers, or more bits per byte.</summary>
    public bool FallsBelow(Scores before, double tolerance) => Accuracy < before.Accuracy - tolerance || BitsPerByte > before.BitsPerByte + tolerance;

    /// <summary>Probes of a group, however they are judged.</summary>
    public int CountOf(string group) => Groups.Where(g => g.Group == group).Sum(g => g.Probes);

    /// <summary>The share of right answers in a group; null where it has none.</summary>
    public double? MeanOf(string group) => Mean(Groups.Where(g => g.Group == group && g.IsHigherBetter));

    private double? Mean(bool isHigherBetter) => Mean(Groups.Where(g => g.IsHigherBetter == isHigherBetter));

    private static double? Mean(IEnumerable<GroupScore> groups)
    {
        var (sum, probes) = groups.Aggregate((Sum: 0.0, Probes: 0), (all, g) => (all.Sum + g.Value * g.Probes, all.Probes + g.Probes));
        return probes == 0 ? null : sum / probes;
    }
}
