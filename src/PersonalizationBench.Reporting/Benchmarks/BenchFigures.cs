using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Reporting.Ladders;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>The figures of the benchmarks' folders, drawn from the records there: when they have just been measured, and ever after.</summary>
public static class BenchFigures
{
    /// <summary>Draws what the records of a folder show into its <c>figures/</c>.</summary>
    /// <returns>The names of the figures; none where the records of the folder have no figure.</returns>
    /// <exception cref="PbenchException">There is no such folder, the records are not what they should be, or a file cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, PictureFormat format)
    {
        var figures = Of(folder).ToList();
        foreach (var (name, picture) in figures) picture.Save(Path.Combine(folder, "figures"), name, format);
        return [.. figures.Select(f => f.Name)];
    }

    private static IEnumerable<(string Name, Picture Picture)> Of(string folder)
    {
        if (!Directory.Exists(folder)) throw new PbenchException($"{folder}: no such folder; expected results");
        foreach (var csv in Directory.GetFiles(folder, "*.csv").Order(StringComparer.Ordinal))
        {
            // A file's header tells whose records it holds: loads are named by their own file.
            var header = File.ReadLines(csv).FirstOrDefault() + "\n";
            if (header == RecordCsv.Header<DecodeRecord>()) yield return ("decode", DecodePage.Draw(RecordCsv.ReadFile<DecodeRecord>(csv)));
            if (header == RecordCsv.Header<ServingRecord>()) yield return ("ratios", ServingPage.Draw(RecordCsv.ReadFile<ServingRecord>(csv)));
            if (header == RecordCsv.Header<EngineRecord>()) yield return ("engines", EnginesPage.Draw(RecordCsv.ReadFile<EngineRecord>(csv)));
            if (header == RecordCsv.Header<PeerRecord>()) yield return ("ratios", PeersFigure.Draw(RecordCsv.ReadFile<PeerRecord>(csv)));
            var several =
                header == RecordCsv.Header<LoadRecord>() ? LoadPage.Figures(RecordCsv.ReadFile<LoadRecord>(csv))
                : header == RecordCsv.Header<RungRecord>() ? LadderFigures.All(RecordCsv.ReadFile<RungRecord>(csv), Beside<ExamRecord>(csv, "exams.csv"), Beside<FitRecord>(csv, "fits.csv"))
                : [];
            foreach (var figure in several) yield return figure;
        }
    }

    private static List<T> Beside<T>(string csv, string name) where T : class => RecordCsv.ReadFile<T>(Path.Combine(Path.GetDirectoryName(csv)!, name));
}
