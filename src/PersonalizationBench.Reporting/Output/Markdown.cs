using System.Text;
using PersonalizationBench.Reporting.Analysis;

namespace PersonalizationBench.Reporting.Output;

/// <summary><c>summary.md</c>: the answer and the key table, to be put in a README.</summary>
public static class Markdown
{
    public const string Legend = "Means with 95 % intervals (bootstrap over users and seeds). Bold: significantly better than every other usable strategy (paired sign-flip test, Holm-corrected).";

    public static string Of(StudyResults results)
    {
        var text = new StringBuilder($"### {results.Name}\n\n{TuningLine.Of(results)}\n\n");
        foreach (var sentence in Headline.Of(results)) text.Append("- ").Append(sentence).Append('\n');
        text.Append('\n').Append(results.Table().ToMarkdown()).Append('\n').Append(Legend).Append('\n');
        if (results.Failed.Count > 0) text.Append($"\n{results.Failed.Count} of {results.Runs.Count} cells were not measured: see `report.html`.\n");
        return text.ToString();
    }
}
