using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;

namespace PersonalizationBench.Runner.Tuning;

/// <summary>Where what was chosen lies: <c>FOLDER/STUDY/chosen.csv</c>, the first folder that has the grid asked for.</summary>
/// <param name="folders">Such as <c>runs/tuning</c> and <c>results/tuning</c>.</param>
public sealed class TuningResults(IReadOnlyList<string> folders)
{
    public IReadOnlyList<ChosenRecord> Of(string study) =>
        [.. folders.Select(f => Path.Combine(f, study, ChosenRecord.FileName)).Where(File.Exists).SelectMany(RecordCsv.ReadFile<ChosenRecord>)];
}
