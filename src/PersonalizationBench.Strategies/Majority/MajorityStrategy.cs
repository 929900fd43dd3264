using PersonalizationBench.Core;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.Majority;

/// <summary>Nothing to set.</summary>
public sealed record MajorityOptions : IDatasetNeeds
{
    public IEnumerable<string> Lacks(Dataset dataset)
    {
        var asked = dataset.Users.SelectMany(u => u.Probes).Where(p => p.Scoring != ProbeScoring.BitsPerByte).Select(p => p.Kind).Distinct().ToList();
        if (asked.Count > 0 && !dataset.TuningUsers.SelectMany(u => u.Probes).Any(p => asked.Contains(p.Kind)))
            yield return $"majority answers are counted over tuning users, and none of them is asked {string.Join(" or ", asked)}; expected tuning users, or a study without this strategy";
    }
}

/// <summary>
/// What most tuning users answer, without a model: the most frequent gold answer of the probe's topic (of equals the
/// first in ordinal order), among its choices where it has some (of equals the first choice). A topic that no tuning
/// user was asked about is answered by the most frequent gold answer of the probe's kind, and else with nothing, which
/// is wrong. A majority has no likelihood of a text: such probes are scored by the bare base, as without personalisation.
/// </summary>
public sealed class MajorityStrategy : IStrategy
{
    public IPersonalModels Adapt(AdaptationRequest request, CostMeter meter, CancellationToken cancellation) =>
        new MajorityModels(InContext.Models(request, InContext.Nothing, storedBytes: 0), new AnswerCounts(request.TuningUsers.SelectMany(u => u.Probes)));
}

/// <summary>How often each gold answer was given, by topic and by kind.</summary>
internal sealed class AnswerCounts
{
    private static readonly Dictionary<string, int> None = [];
    private readonly Dictionary<string, Dictionary<string, int>> _byTopic;
    private readonly Dictionary<string, Dictionary<string, int>> _byKind;

    public AnswerCounts(IEnumerable<Probe> probes)
    {
        var answerable = probes.Where(p => p.Scoring != ProbeScoring.BitsPerByte).ToList();
        _byTopic = Count(answerable, p => p.Topic);
        _byKind = Count(answerable, p => p.Kind);
    }

    public Answer AnswerTo(Question question)
    {
        var counts = _byTopic.GetValueOrDefault(question.Topic) ?? _byKind.GetValueOrDefault(question.Kind) ?? None;
        var choice = question.Choices.Count == 0 ? -1 : Enumerable.Range(0, question.Choices.Count).MaxBy(c => counts.GetValueOrDefault(question.Choices[c]));
        var text = question.Scoring == ProbeScoring.Choice && choice >= 0
            ? question.Choices[choice]
            : counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Select(c => c.Key).FirstOrDefault() ?? "";
        return new Answer(question.UserId, question.ProbeId, text) { Choice = choice };
    }

    private static Dictionary<string, Dictionary<string, int>> Count(IEnumerable<Probe> probes, Func<Probe, string> key) =>
        probes.GroupBy(key).ToDictionary(g => g.Key, g => g.CountBy(p => p.Gold).ToDictionary());
}

/// <summary>Counts answer; the base scores texts.</summary>
internal sealed class MajorityModels(PersonalModels bare, AnswerCounts counts) : IPersonalModels
{
    public long TrainableParameters => 0;

    public long StoredBytesPerUser => 0;

    public IReadOnlyList<Answer> Answer(IReadOnlyList<Question> questions, CostMeter meter, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var scored = new Queue<Answer>(bare.Answer(questions.Where(q => q.Scoring == ProbeScoring.BitsPerByte).ToList(), meter, cancellation));
        return questions.Select(q => q.Scoring == ProbeScoring.BitsPerByte ? scored.Dequeue() : counts.AnswerTo(q)).ToList();
    }

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<string> texts, CancellationToken cancellation) => bare.ScoreTexts(texts, cancellation);

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<IReadOnlyList<string>> textsOfUsers, CancellationToken cancellation) => bare.ScoreTexts(textsOfUsers, cancellation);

    public void Dispose() => bare.Dispose();
}
