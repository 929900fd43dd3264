using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Runner.Tuning;

/// <summary>What a configuration is judged by.</summary>
/// <param name="Name"><see cref="TuneSpec.Mean"/> or a kind of probe.</param>
public sealed record Objective(string Name)
{
    /// <summary>A kind's own metric: what is scored beside it is another look at the same answer.</summary>
    private static readonly string[] s_own = [Metric.ExactMatch, Metric.Style, Metric.Choice, Metric.BitsPerByte];

    /// <summary>The mean over users (each the mean over seeds, of that over kinds, of that over probes) with Student's interval over users;
    /// null where nothing of it was measured.</summary>
    /// <param name="probes">Of one configuration, all its seeds.</param>
    public Interval? Of(IEnumerable<ProbeRecord> probes)
    {
        var judged = probes.GroupBy(p => p.Kind).Where(g => Name == TuneSpec.Mean || g.Key == Name)
            .SelectMany(g => g.Where(p => p.Metric == s_own.FirstOrDefault(m => g.Any(q => q.Metric == m))));
        var users = judged.GroupBy(p => p.UserId).Select(user => user.GroupBy(p => (p.Key, p.Kind)).Select(g => g.Average(p => p.Score)).Average()).ToList();
        return users.Count == 0 ? null : StudentInterval.Mean(users);
    }

    /// <summary>Whether more of it is better; null where some of what it is made of is better when less.</summary>
    public bool? IsHigherBetter(IEnumerable<Probe> probes)
    {
        var scorings = probes.Where(p => Name == TuneSpec.Mean || p.Kind == Name).Select(p => p.Scoring != ProbeScoring.BitsPerByte).Distinct().ToList();
        return scorings.Count == 1 ? scorings[0] : null;
    }

    /// <summary>Whether the first is the better one.</summary>
    public static bool IsBetter(double first, double second, bool isHigherBetter) => isHigherBetter ? first > second : first < second;
}
