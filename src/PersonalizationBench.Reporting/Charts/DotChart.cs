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
public sealed record DotPanel(string Title, string Subtitle, Scale X, string AxisLabel, double? Reference, IReadOnlyList<Dot?> Dots);

/// <summary>Dots with intervals: strategies down, measures across. Rows of different look are set apart a little.</summary>
public static class DotChart
{
    private const double RowHeight = 17;
    private const double GroupGap = 7;
    private const double Gap = 30;
    private const double HeaderHeight = 40;
    private const double AxisHeight = 44;

    public static string Draw(string title, IReadOnlyList<DotRow> rows, IReadOnlyList<DotPanel> panels, int columns = 3, double width = 760)
    {
        columns = Math.Min(columns, panels.Count);
        var svg = new Svg(width, title);
        var left = rows.Max(r => Svg.TextWidth(r.Label)) + 16;
        var panelWidth = (width - left - 14 - (Gap * (columns - 1))) / columns;
        var offsets = Offsets(rows);
        var plotHeight = offsets[^1] + (RowHeight / 2) + 4;
        for (var p = 0; p < panels.Count; p++)
        {
            var x = left + (p % columns * (panelWidth + Gap));
            var y = (p / columns * (HeaderHeight + plotHeight + AxisHeight)) + HeaderHeight;
            DrawPanel(svg, rows, panels[p], x, y, panelWidth, plotHeight, offsets);
            if (p % columns == 0)
            {
                for (var r = 0; r < rows.Count; r++) svg.Text(left - 10, y + offsets[r] + 4, rows[r].Label, Anchor.End);
            }
        }
        var bottom = Math.Ceiling(panels.Count / (double)columns) * (HeaderHeight + plotHeight + AxisHeight);
        var entries = rows.Select(r => new LegendEntry(r.Look)).DistinctBy(e => e.Look.Name).ToList();
        if (rows.Any(r => r.IsHollow)) entries.Add(new LegendEntry(new Look("hollow: wrong user (control)", Svg.Muted, Marker.Circle), IsHollow: true));
        return svg.Finish(Legend.Draw(svg, 14, bottom + 4, entries) + 8);
    }

    private static double[] Offsets(IReadOnlyList<DotRow> rows)
    {
        var offsets = new double[rows.Count];
        for (var r = 0; r < rows.Count; r++)
            offsets[r] = r == 0 ? (RowHeight / 2) + 2 : offsets[r - 1] + RowHeight + (rows[r].Look != rows[r - 1].Look ? GroupGap : 0);
        return offsets;
    }

    private static void DrawPanel(Svg svg, IReadOnlyList<DotRow> rows, DotPanel panel, double x, double y, double width, double height, double[] offsets)
    {
        double At(double value) => x + (width * panel.X.Position(value));
        svg.Text(x, y - 24, panel.Title, isBold: true, size: 12);
        svg.Text(x, y - 9, panel.Subtitle, colour: Svg.Muted, size: 10);
        foreach (var tick in panel.X.Ticks)
        {
            svg.Line(At(tick.Value), y, At(tick.Value), y + height, Svg.Faint);
            svg.Text(At(tick.Value), y + height + 14, tick.Label, Anchor.Middle, size: 10);
        }
        svg.Line(x, y + height, x + width, y + height);
        svg.Text(x + (width / 2), y + height + 29, panel.AxisLabel, Anchor.Middle, Svg.Muted, 10);
        if (panel.Reference is { } reference) svg.Line(At(reference), y, At(reference), y + height, Svg.Ink, 1, "4 3");
        for (var r = 0; r < rows.Count; r++)
        {
            var line = y + offsets[r];
            if (panel.Dots[r] is not { } dot)
            {
                svg.Text(x + 4, line + 4, "not measured", colour: Svg.Muted, size: 10);
                continue;
            }
            if (dot is { Low: { } low, High: { } high }) svg.Line(At(low), line, At(high), line, rows[r].Look.Colour, 1.8);
            svg.Point(At(dot.Estimate), line, rows[r].Look.Marker, rows[r].Look.Colour, rows[r].IsHollow, $"{rows[r].Label}: {Format.Number(dot.Estimate)}{(dot.Low is null ? "" : $" [{Format.Number(dot.Low.Value)}, {Format.Number(dot.High!.Value)}]")}");
        }
    }
}
