using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting;

/// <summary>From a study's results to its report.</summary>
public static class ReportWriter
{
    /// <summary>Reads <c>runs.csv</c>, <c>probes.csv</c> and <c>manifest.json</c> of a folder and writes beside them
    /// <c>figures/</c> (each with its Vega-Lite specification as <c>.json</c>), <c>report.html</c> and <c>summary.md</c>.</summary>
    /// <returns>What was read, for who wants to print the table.</returns>
    /// <exception cref="PbenchException">The results are missing or not what they should be, or a file cannot be written.</exception>
    public static StudyResults Write(string resultsFolder, PictureFormat format = PictureFormat.Svg)
    {
        var results = StudyResults.Load(resultsFolder);
        var figures = Figures.All(results);
        foreach (var figure in figures)
        {
            var folder = Path.Combine(resultsFolder, "figures");
            figure.Picture.Save(folder, figure.Name, format);
            AtomicFile.WriteText(Path.Combine(folder, figure.Name + ".json"), figure.VegaLite);
        }
        AtomicFile.WriteText(Path.Combine(resultsFolder, "summary.md"), Markdown.Of(results));
        AtomicFile.WriteText(Path.Combine(resultsFolder, "report.html"), Html.Of(results, figures));
        return results;
    }
}
