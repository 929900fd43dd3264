using System.Text;
using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Output;

/// <summary><c>summary.md</c>: the answer and the key table, to be put in a README.</summary>
public static class Markdown
{
    public const string Legend = "Means with 95 % intervals over users and seeds. Bold: significantly better than every other usable strategy (signs of users' differences flipped, max-T over all pairs).";

    public static string Of(StudyResults results)
    {
        var text = new StringBuilder($"### {results.Name}\n\n{TuningLine.Of(results)}\n\n");
        if (Tables.Contrasts(results) is { } contrasts) text.Append("Declared in the study file:\n\n").Append(contrasts.ToMarkdown()).Append('\n');
        foreach (var sentence in Headline.Of(results)) text.Append("- ").Append(sentence).Append('\n');
        text.Append('\n').Append(results.Table().ToMarkdown()).Append('\n').Append(Legend).Append('\n');
        if (Tables.Anticipation(results) is { } anticipation) text.Append("\nBy whether the kind of question was in the study material:\n\n").Append(anticipation.ToMarkdown());
        if (results.Failed.Count > 0) text.Append($"\n{results.Failed.Count} of {results.Runs.Count} cells were not measured: see `report.html`.\n");
        return text.ToString();
    }
}
