using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;

namespace PersonalizationBench.Runner.Execution;

/// <summary>What a cell's study material was, seen from its probes. Strategies see no probe: what they report is judged here.</summary>
/// <param name="pairs">What the base answered to itself, and the weights learned.</param>
public sealed class StudyReview(IReadOnlyList<StudyPair> pairs)
{
    private readonly HashSet<(string UserId, string Topic)> _topics = [.. pairs.Select(p => (p.UserId, p.Topic))];

    /// <summary>Nothing was asked.</summary>
    public bool IsEmpty => pairs.Count == 0;

    /// <summary>Whether the material asked about the probe's topic; null where it asked nothing of anybody, and for probes without an answer
    /// that could be studied.</summary>
    public bool? Anticipates(string userId, Probe probe) =>
        IsEmpty || probe.Scoring is ProbeScoring.Style or ProbeScoring.BitsPerByte ? null : _topics.Contains((userId, probe.Topic));

    /// <summary>Share of the material's answers that a probe of the same topic accepts, of those on whose topic there is a probe; null where
    /// there is none.</summary>
    public double? TeacherAccuracy(IReadOnlyList<User> users)
    {
        var accepted = Probes(users).Where(p => p.Probe.Scoring is ProbeScoring.ExactMatch or ProbeScoring.Choice)
            .GroupBy(p => (p.UserId, p.Probe.Topic)).ToDictionary(g => g.Key, g => g.SelectMany(p => p.Probe.Accepted).ToList());
        var judged = pairs.Where(p => accepted.ContainsKey((p.UserId, p.Topic))).ToList();
        return judged.Count == 0 ? null : judged.Average(p => ExactMatch.Score(p.Answer, accepted[(p.UserId, p.Topic)]));
    }

    /// <exception cref="InvalidOperationException">A question of the material is worded as a probe of its user is.</exception>
    public void RequireUnprobed(IReadOnlyList<User> users)
    {
        var probed = Probes(users).Select(p => (p.UserId, Wording.Normalize(p.Probe.Prompt))).ToHashSet();
        if (pairs.FirstOrDefault(p => probed.Contains((p.UserId, Wording.Normalize(p.Prompt)))) is { } seen)
            throw new InvalidOperationException($"the study material of user {seen.UserId} asks a probe in its own words: '{seen.Prompt}'");
    }

    private static IEnumerable<(string UserId, Probe Probe)> Probes(IReadOnlyList<User> users) => users.SelectMany(u => u.Probes.Select(p => (u.Id, p)));
}
