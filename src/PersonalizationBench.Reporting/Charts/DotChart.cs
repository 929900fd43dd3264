namespace PersonalizationBench.Reporting.Charts;

/// <summary>A row of a dot chart: one strategy.</summary>
public sealed record DotRow(string Label, Look Look, bool IsHollow = false);

/// <summary>An estimate with its interval, both in the axis' unit; the ends are null where there is no interval.</summary>
public sealed record Dot(double Estimate, double? Low, double? High);

/// <summary>One panel of a dot chart.</summary>
/// <param name="Title">What is measured.</param>
/// <param name="Subtitle">What the reference line is, or anything else worth a line.</param>
/// <param name="AxisLabel">With the unit.</param>
/// <param name="Reference">A dashed line: chance, or zero.</param>
/// <param name="Dots">One per row; null where nothing was measured.</param>
public sealed record DotPanel(string Title, string Subtitle, Scale X, string AxisLabel, double? Reference, IReadOnlyList<Dot?> Dots)
{
    /// <summary>What stands where there is no dot.</summary>
    public string Absent { get; init; } = "not measured";

    /// <summary>A dotted line: what the answer that is common to all users scores.</summary>
    public double? Common { get; init; }
}

/// <summary>Dots with intervals: strategies down, measures across. Rows of different look are set apart a little.</summary>
public static class DotChart
{
    private const float RowHeight = 17;
    private const float GroupGap = 7;
    private const float Gap = 30;
    private const float Edge = 14;
    private const float HeaderHeight = 40;
    private const float AxisHeight = 46;

    public static Picture Draw(string title, IReadOnlyList<DotRow> rows, IReadOnlyList<DotPanel> panels, int columns = 3, float width = 760)
    {
        // As few rows as that many columns make, filled alike: four panels stand two by two.
        var lines = (panels.Count + columns - 1) / columns;
        columns = (panels.Count + lines - 1) / lines;
        var left = rows.Max(r => Ink.Width(r.Label)) + 16;
        var panelWidth = (width - left - Edge - (Gap * (columns - 1))) / columns;
        var offsets = Offsets(rows);
        var plotHeight = offsets[^1] + (RowHeight / 2) + 4;
        var hints = new List<Hint>();
        var drawn = new List<Action<SkiaSharp.SKCanvas>>();
        for (var p = 0; p < panels.Count; p++)
        {
            var x = left + (p % columns * (panelWidth + Gap));
            var y = (p / columns * (HeaderHeight + plotHeight + AxisHeight)) + HeaderHeight;
            drawn.Add(MakePanel(rows, panels[p], new Box(x, y, x + panelWidth, y + plotHeight), offsets, hints).Draw);
            if (p % columns == 0) drawn.Add(canvas => DrawLabels(canvas, rows, left - 10, y, offsets));
        }
        var entries = rows.Select(r => new LegendEntry(r.Look)).DistinctBy(e => e.Look.Name).ToList();
        if (rows.Any(r => r.IsHollow)) entries.Add(new LegendEntry(new Look("hollow: wrong user (control)", "#666666", Marker.Circle), IsHollow: true));
        var bottom = MathF.Ceiling(panels.Count / (float)columns) * (HeaderHeight + plotHeight + AxisHeight);
        var legend = new Legend(entries, Edge, bottom + 4, width);
        drawn.Add(legend.Draw);
        return new Picture(title, width, legend.Bottom + 8, canvas => drawn.ForEach(draw => draw(canvas)), hints);
    }

    private static float[] Offsets(IReadOnlyList<DotRow> rows)
    {
        var offsets = new float[rows.Count];
        for (var r = 0; r < rows.Count; r++)
            offsets[r] = r == 0 ? (RowHeight / 2) + 2 : offsets[r - 1] + RowHeight + (rows[r].Look != rows[r - 1].Look ? GroupGap : 0);
        return offsets;
    }

    private static void DrawLabels(SkiaSharp.SKCanvas canvas, IReadOnlyList<DotRow> rows, float right, float top, float[] offsets)
    {
        for (var r = 0; r < rows.Count; r++) Ink.Text(canvas, right - Ink.Width(rows[r].Label), top + offsets[r] + 4, rows[r].Label, Ink.Dark);
    }

    private static PanelPlot MakePanel(IReadOnlyList<DotRow> rows, DotPanel panel, Box area, float[] offsets, List<Hint> hints)
    {
        var plot = new PanelPlot(area, panel.Title, panel.Subtitle, panel.X, panel.AxisLabel, y: null, yLabel: "");
        if (panel.Reference is { } reference) plot.Down(reference);
        if (panel.Common is { } common) plot.Down(common, ScottPlot.LinePattern.Dotted);
        for (var r = 0; r < rows.Count; r++)
        {
            var y = (float)area.Top + offsets[r];
            if (panel.Dots[r] is not { } dot)
            {
                plot.Text((float)area.Left + 4, y + 4, panel.Absent, Ink.Muted, Ink.SmallSize, hasHalo: false);
                continue;
            }
            var x = plot.X(dot.Estimate);
            if (dot is { Low: { } low, High: { } high }) plot.Bar((plot.X(low), y), (plot.X(high), y), ScottPlot.Color.FromHex(rows[r].Look.Colour));
            plot.Point(x, y, rows[r].Look, rows[r].IsHollow);
            hints.Add(new Hint(x, y, $"{rows[r].Label}: {Format.Number(dot.Estimate)}{(dot.Low is null ? "" : $" [{Format.Number(dot.Low.Value)}, {Format.Number(dot.High!.Value)}]")}"));
        }
        return plot;
    }
}
