using System.Globalization;
using System.Text;

namespace PersonalizationBench.Reporting.Ladders;

/// <summary>What a ladder's page says of its file.</summary>
/// <param name="LearningRateScales">By base: the factor that its rates were taken at.</param>
public sealed record LadderSettings(string Name, IReadOnlyDictionary<string, double> LearningRateScales);

/// <summary>The ladders' numbers as a page.</summary>
public static class LadderPage
{
    public static string Of(IReadOnlyList<LadderSettings> ladders, IReadOnlyList<RungRecord> rungs, IReadOnlyList<ExamRecord> exams, IReadOnlyList<FitRecord> fits, IReadOnlyList<SweepRecord> sweeps)
    {
        var files = string.Join(' ', ladders.Select(l => $"experiments/pretrain/ladder/{l.Name}.yaml"));
        var figures = string.Join("\n\n", LadderFigures.All(rungs, exams, fits).Select(f => $"![{f.Name}](figures/{f.Name}.svg)"));
        return $"""
            # Ladders

            Made by `./bench ladder measure {files}` from the bases in `datasets/bases`, each trained by `./bench pretrain FILE`
            (those that are there are not trained again). Within a ladder the data, the order of its stages, the number of steps
            and so the tokens are the same; the learning rate of a rung was chosen by a sweep of short runs. One seed each.

            {Table(rungs, exams)}
            *recorded* is the loss that was measured at the end of training; *loss* is that of the shipped weights, measured anew.

            ## Fit
            loss = c N^-a over the rungs, N without embeddings; least squares on the logarithms, 95 % interval of the exponent.

            {FitTable(fits)}
            {figures}

            ## Learning rates
            `./bench ladder sweep FILE`: held-out loss after the first steps at a factor on the rates as the file has them.

            {SweepTable(sweeps, ladders)}
            """.ReplaceLineEndings("\n") + "\n";
    }

    public static string Table(IReadOnlyList<RungRecord> rungs, IReadOnlyList<ExamRecord> exams)
    {
        var names = exams.Select(e => e.Exam).Distinct().ToList();
        var table = new StringBuilder($"| base | architecture | parameters | without embeddings | tokens | learning rate | loss | recorded |{string.Concat(names.Select(n => $" {n} |"))}\n");
        table.Append("|---|---|---:|---:|---:|---:|---:|---:|").Append(string.Concat(names.Select(_ => "---:|"))).Append('\n');
        foreach (var r in rungs)
        {
            table.Append(CultureInfo.InvariantCulture, $"| {r.Base} | {r.Architecture} | {r.Parameters} | {r.BodyParameters} | {r.Tokens} | {r.LearningRate:0.0e+0} | {r.HeldOutLoss:0.0000} | {r.RecordedLoss:0.0000} |");
            foreach (var name in names)
                table.Append(exams.FirstOrDefault(e => e.Base == r.Base && e.Exam == name) is { } e ? string.Create(CultureInfo.InvariantCulture, $" {100 * e.Accuracy:0} [{100 * e.Low:0}, {100 * e.High:0}] % |") : " |");
            table.Append('\n');
        }
        return table.ToString();
    }

    public static string FitTable(IReadOnlyList<FitRecord> fits)
    {
        var table = new StringBuilder("| ladder | architecture | rungs | exponent | R² |\n|---|---|---:|---|---:|\n");
        foreach (var f in fits) table.Append(CultureInfo.InvariantCulture, $"| {f.Ladder} | {f.Architecture} | {f.Rungs} | {f.Exponent:0.000} [{f.ExponentLow:0.000}, {f.ExponentHigh:0.000}] | {f.RSquared:0.000} |\n");
        return table.ToString();
    }

    private static string SweepTable(IReadOnlyList<SweepRecord> sweeps, IReadOnlyList<LadderSettings> ladders)
    {
        var scales = sweeps.Select(s => s.Scale).Distinct().Order().ToList();
        var table = new StringBuilder($"| base | steps |{string.Concat(scales.Select(s => string.Create(CultureInfo.InvariantCulture, $" x {s} |")))} taken |\n|---|---:|{string.Concat(scales.Select(_ => "---:|"))}---:|\n");
        foreach (var rung in sweeps.GroupBy(s => (s.Ladder, s.Base, s.Steps)))
        {
            table.Append(CultureInfo.InvariantCulture, $"| {rung.Key.Base} | {rung.Key.Steps} |");
            foreach (var scale in scales)
                table.Append(CultureInfo.InvariantCulture, $" {(rung.FirstOrDefault(s => s.Scale == scale) is { } s ? s.HeldOutLoss is { } loss ? loss.ToString("0.0000", CultureInfo.InvariantCulture) : "diverged" : "")} |");
            table.Append(CultureInfo.InvariantCulture, $" {ladders.First(l => l.Name == rung.Key.Ladder).LearningRateScales[rung.Key.Base]} |\n");
        }
        return table.ToString();
    }
}
