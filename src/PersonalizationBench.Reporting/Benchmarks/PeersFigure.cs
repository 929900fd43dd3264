using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>The ratios as dots with their ranges; the dashed line is "as fast as the reference".</summary>
public static class PeersFigure
{
    private const string Label = "reference's time / ours (log)";

    public static Picture Draw(IReadOnlyList<PeerRecord> records)
    {
        var contests = records.Select(Contest).Distinct().ToList();
        var rows = records.Select(r => new DotRow(
            FormattableString.Invariant($"{r.Model} {r.Precision}, {r.Threads} {(r.Threads == 1 ? "thread" : "threads")}"),
            Look.Nth(contests.IndexOf(Contest(r)), Contest(r)))).ToList();
        // The dots are medians over pairs, the lines reach from the smallest pair to the largest.
        var scale = Scale.Log(records.SelectMany(r => new[] { r.RatioMin, r.RatioMax, 1 }), Reporting.Format.Number);
        var panel = new DotPanel("Speed against the reference", "right of the line: ours is faster", scale, Label, 1, [.. records.Select(r => new Dot(r.Ratio, r.RatioMin, r.RatioMax))]);
        return DotChart.Draw("Ratios of training time, medians and ranges over interleaved pairs", rows, [panel], columns: 1);
    }

    private static string Contest(PeerRecord r) => $"{r.Ours} against {PeersReport.Reference(r)}";
}
