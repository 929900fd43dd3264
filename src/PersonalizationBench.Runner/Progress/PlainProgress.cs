using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Runner.Results;

namespace PersonalizationBench.Runner.Progress;

/// <summary>A line for each cell, without colours: for pipes and logs.</summary>
public sealed class PlainProgress(TextWriter output) : IStudyObserver
{
    public void Begin(int total, int skipped)
    {
        if (skipped > 0) output.WriteLine($"{skipped} of {total} cells are measured already");
    }

    public void Starting(CellProgress progress)
    {
    }

    public void Finished(CellProgress progress, CellResult result)
    {
        output.WriteLine(Line(progress, result));
        output.Flush();
    }

    public void MeasuringCosts(string baseName, int arms)
    {
        output.WriteLine($"latency and memory of {arms} {(arms == 1 ? "arm" : "arms")} on {baseName}");
        output.Flush();
    }

    /// <summary>Such as <c>[12/40] lora r=8 seed=3  ok  4.1 s  recall 0.82  ETA 01:10</c>.</summary>
    public static string Line(CellProgress progress, CellResult result)
    {
        var outcome = result.IsOk ? Headline(result.Probes) : result.Run.Error;
        var eta = progress.Remaining is { } left && left > TimeSpan.Zero ? $"  ETA {Clock(left)}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"[{progress.Number}/{progress.Total}] {progress.Cell.Name}  {result.Run.Status}  {progress.Elapsed.TotalSeconds:0.0} s  {outcome}{eta}");
    }

    public static string Clock(TimeSpan time) =>
        time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm\\:ss}") : time.ToString(@"mm\:ss", CultureInfo.InvariantCulture);

    /// <summary>The mean of the first kind of probe (of recall where there is any): a glance, no result.</summary>
    private static string Headline(IReadOnlyList<ProbeRecord> probes)
    {
        var first = probes.FirstOrDefault(p => p.Kind == "recall") ?? probes[0];
        var mean = probes.Where(p => (p.Kind, p.Metric) == (first.Kind, first.Metric)).Average(p => p.Score);
        return string.Create(CultureInfo.InvariantCulture, $"{first.Kind} {mean:0.00}{(first.Metric == Metric.BitsPerByte ? " bits/byte" : "")}");
    }
}
