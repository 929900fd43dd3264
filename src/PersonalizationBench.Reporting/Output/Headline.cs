using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Output;

/// <summary>The study's answer in one sentence per kind of probe. Nobody is called best who cannot be told apart from another.</summary>
public static class Headline
{
    public static IReadOnlyList<string> Of(StudyResults results) =>
        [.. results.Analysis.Standings.Where(s => !s.Measure.IsSecondary).Select(s => Sentence(results, s))];

    private static string Sentence(StudyResults results, Standing standing)
    {
        var measure = standing.Measure;
        var leader = standing.Leader;
        var where = results.Analysis.Standings.Select(s => (s.Leader.First.Base, s.Leader.First.Dataset)).Distinct().Count() > 1 ? $" ({leader.First.Base}, {leader.First.Dataset})" : "";
        var score = $"{measure.Show(results.Mean(leader, measure)!.Mean)}{(measure.IsHigherBetter ? " %" : " bits per byte")}";
        var helps = results.Analysis.AgainstBaseline.FirstOrDefault(c => c.Arm == leader && c.Measure == measure) is not { } c || c.Verdict == Verdict.Better;
        if (!helps) return $"{measure.Name}{where}: nothing is shown to help; the best mean is {leader}'s, {score}.";
        if (standing.Contenders == 1) return $"{measure.Name}{where}: {leader} helps: {score}.";
        if (standing.Tied.Count == 0) return $"{measure.Name}{where}: {leader.Family.Place}: {leader} is ahead of every other strategy, {score}.";
        var places = standing.Tied.Append(leader).Select(a => a.Family.Place).Distinct().ToList();
        var place = places.Count == 1 ? places[0] : "no single place";
        return $"{measure.Name}{where}: {place}: the best mean is {leader}'s, {score}; not to be told apart from it: {string.Join(", ", standing.Tied)}.";
    }
}
