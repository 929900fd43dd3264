using System.IO.Enumeration;
using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Studies;

/// <summary>Some of a study's cells, by their labels.</summary>
public static class StudySelection
{
    /// <summary>Cells whose label, such as <c>lora r=8</c> or <c>lora r=8 seed=3</c>, a pattern with <c>*</c> and <c>?</c> covers; all where it is null.</summary>
    /// <exception cref="PbenchException">None; names the nearest label.</exception>
    public static IReadOnlyList<Cell> Of(StudyPlan plan, string? pattern)
    {
        if (pattern is null) return plan.Cells;
        var chosen = plan.Cells.Where(c => Covers(pattern, c.Name) || Covers(pattern, c.Strategy.FullLabel)).ToList();
        if (chosen.Count > 0) return chosen;
        var labels = plan.Cells.Select(c => c.Strategy.FullLabel).Distinct().ToList();
        var nearest = NearestWord.Find(pattern, labels);
        throw new PbenchException($"--only: no cell is called '{pattern}'; {(nearest is null ? $"expected one of {string.Join(", ", labels)}, or a pattern such as \"lora*\"" : $"did you mean '{nearest}'?")}");
    }

    private static bool Covers(string pattern, string label) => FileSystemName.MatchesSimpleExpression(pattern, label, ignoreCase: false);
}
