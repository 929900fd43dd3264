using PersonalizationBench.Core;

namespace PersonalizationBench.Reporting.Output;

/// <summary>What was measured here beside what was published of the same study, and where either comes from.</summary>
/// <param name="Lines">Before the table.</param>
/// <param name="Means">Published and measured here; null where nothing of the study was published.</param>
/// <param name="Note">After it.</param>
public sealed record PublishedBeside(IReadOnlyList<string> Lines, Table? Means, string Note)
{
    /// <param name="folder">Where the study would have been published.</param>
    public static PublishedBeside Of(StudyResults here, string folder)
    {
        List<string> lines = ["", .. Headline.Of(here), .. Provenance.Brief(here).Select(l => $"here: {l}")];
        if (Path.GetFullPath(folder) == Path.GetFullPath(here.Folder) || !File.Exists(Path.Combine(folder, "runs.csv"))) return new(lines, null, "");
        var published = StudyResults.Load(folder);
        var comparison = new StudyComparison(published, here);
        lines.AddRange(Provenance.Brief(published).Select(l => $"published: {l}"));
        return comparison.Means.Count == 0 ? new(lines, null, "") : new(
            [.. lines, "", $"{ShownPath.Of(folder)} → here:"], comparison.Beside(),
            FormattableString.Invariant($"{comparison.Means.Count(m => m.Agrees)} of {comparison.Means.Count} means lie within each other's interval; * marks the others (pbench compare has all)"));
    }
}
