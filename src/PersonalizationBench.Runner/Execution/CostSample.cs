using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Whom and what latency and memory are measured with: the first users of a dataset, as few as have enough questions, and their
/// questions that are answered in words. Where there are none, texts whose likelihood is scored stand in, a few of their tokens written
/// one after another; and where there are none of these, choices.</summary>
/// <param name="Users">At least two where there are two: the wrong-user control wants another.</param>
public sealed record CostSample(IReadOnlyList<User> Users, IReadOnlyList<Question> Questions)
{
    private const int FewestUsers = 2, MostUsers = 4, ForcedTokens = 16;

    public static CostSample Of(Cell cell, int questions)
    {
        var dataset = cell.Dataset.Data;
        var kinds = dataset.Users.SelectMany(u => u.Probes).Select(p => p.Scoring).ToHashSet();
        bool IsAsked(ProbeScoring scoring) => kinds.Contains(ProbeScoring.ExactMatch) || kinds.Contains(ProbeScoring.Style) ? scoring is ProbeScoring.ExactMatch or ProbeScoring.Style
            : kinds.Contains(ProbeScoring.BitsPerByte) ? scoring == ProbeScoring.BitsPerByte : scoring == ProbeScoring.Choice;
        var users = new List<User>();
        var asked = new List<Question>();
        foreach (var user in dataset.Users.Take(MostUsers).TakeWhile(_ => users.Count < FewestUsers || asked.Count < questions))
        {
            users.Add(user);
            asked.AddRange(user.Probes.Where(p => IsAsked(p.Scoring)).Select(p => Question.From(user.Id, p, cell.Strategy.SeesEvidence) with
            {
                ForcedTokens = p.Scoring == ProbeScoring.BitsPerByte ? ForcedTokens : null,
            }));
        }
        return new CostSample(users, asked);
    }

    /// <summary>Personal models of these users alone.</summary>
    public IPersonalModels Adapt(Cell cell, IBaseModel baseModel, CancellationToken cancellation) =>
        cell.Strategy.Create().Adapt(Requests.Of(baseModel, cell.Dataset.Data, Users, cell.Seed), CostMeter.Unread(), cancellation);
}
