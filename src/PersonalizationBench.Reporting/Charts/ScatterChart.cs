namespace PersonalizationBench.Reporting.Charts;

/// <summary>A point with a vertical interval and, where it has one, a label.</summary>
/// <param name="IsNamed">Whether the label is written beside it; else a reader who points at it sees it.</param>
public sealed record ScatterPoint(double X, double Y, double? Low, double? High, string Label = "", bool IsHollow = false, bool IsNamed = true);

/// <summary>Points of one look, joined by a line where they are a sweep.</summary>
public sealed record ScatterSeries(Look Look, IReadOnlyList<ScatterPoint> Points, bool IsJoined);

/// <summary>A dashed line of a look's colour, such as a fit.</summary>
public sealed record ScatterLine(Look Look, IReadOnlyList<(double X, double Y)> Corners);

/// <summary>One panel of a scatter chart.</summary>
/// <param name="Front">Corners of a step line, such as a Pareto front; drawn dashed. Empty for none.</param>
/// <param name="Reference">A dashed horizontal line, with its name.</param>
public sealed record ScatterPanel(string Title, string Subtitle, Scale X, string XLabel, Scale Y, string YLabel, IReadOnlyList<ScatterSeries> Series)
{
    public IReadOnlyList<(double X, double Y)> Front { get; init; } = [];

    public double? Reference { get; init; }

    public IReadOnlyList<ScatterLine> Lines { get; init; } = [];
}

/// <summary>Points in panels below each other, with one legend. Labels are put where they touch nothing.</summary>
public static class ScatterChart
{
    private const double Left = 62;
    private const double Right = 16;
    private const double HeaderHeight = 42;
    private const double AxisHeight = 58;

    public static string Draw(string title, IReadOnlyList<ScatterPanel> panels, double plotHeight = 230, double width = 760)
    {
        var svg = new Svg(width, title);
        var y = 0.0;
        foreach (var panel in panels)
        {
            DrawPanel(svg, panel, y + HeaderHeight, width - Left - Right, plotHeight);
            y += HeaderHeight + plotHeight + AxisHeight;
        }
        var entries = panels.SelectMany(p => p.Series).Select(s => new LegendEntry(s.Look)).DistinctBy(e => e.Look.Name).ToList();
        return svg.Finish(Legend.Draw(svg, Left, y, entries) + 8);
    }

    private static void DrawPanel(Svg svg, ScatterPanel panel, double top, double width, double height)
    {
        double AtX(double value) => Left + (width * panel.X.Position(value));
        double AtY(double value) => top + (height * (1 - panel.Y.Position(value)));

        svg.Text(Left, top - 24, panel.Title, isBold: true, size: 12);
        svg.Text(Left, top - 9, panel.Subtitle, colour: Svg.Muted, size: 10);
        foreach (var tick in panel.Y.Ticks)
        {
            svg.Line(Left, AtY(tick.Value), Left + width, AtY(tick.Value), Svg.Faint);
            svg.Text(Left - 7, AtY(tick.Value) + 4, tick.Label, Anchor.End, size: 10);
        }
        foreach (var tick in panel.X.Ticks)
        {
            svg.Line(AtX(tick.Value), top, AtX(tick.Value), top + height, Svg.Faint);
            svg.Text(AtX(tick.Value), top + height + 14, tick.Label, Anchor.Middle, size: 10);
            if (tick.Second != "") svg.Text(AtX(tick.Value), top + height + 27, tick.Second, Anchor.Middle, Svg.Muted, 10);
        }
        svg.Line(Left, top + height, Left + width, top + height);
        svg.Line(Left, top, Left, top + height);
        svg.Text(Left + (width / 2), top + height + (panel.X.Ticks.Any(t => t.Second != "") ? 43 : 32), panel.XLabel, Anchor.Middle, Svg.Muted, 10.5);
        svg.Text(16, top + (height / 2), panel.YLabel, Anchor.Middle, Svg.Muted, 10.5, isVertical: true);
        if (panel.Reference is { } reference) svg.Line(Left, AtY(reference), Left + width, AtY(reference), Svg.Ink, 1, "4 3");
        foreach (var drawn in panel.Lines) svg.Polyline(drawn.Corners.Select(c => (AtX(c.X), AtY(c.Y))), drawn.Look.Colour, 1.2, "5 3");
        if (panel.Front.Count > 1) svg.Polyline(Steps(panel.Front).Select(c => (AtX(c.X), AtY(c.Y))), Svg.Muted, 1.2, "5 3");

        var marks = Place(panel, AtX);
        var labels = new LabelPlacer(new Box(Left + 2, top - 4, Left + width + Right - 4, top + height - 2));
        labels.KeepLine([.. Steps(panel.Front).Select(c => (AtX(c.X), AtY(c.Y)))]);
        if (panel.Reference is { } line) labels.KeepLine([(Left, AtY(line)), (Left + width, AtY(line))]);
        foreach (var series in marks.GroupBy(m => m.Series).Where(g => g.Key.IsJoined))
        {
            var corners = series.Select(m => (m.X, AtY(m.Point.Y))).ToList();
            svg.Polyline(corners, series.Key.Look.Colour, 1.2);
            labels.KeepLine(corners);
        }
        foreach (var (series, point, x) in marks)
        {
            labels.Keep(new Box(x - 6, AtY(point.Y) - 6, x + 6, AtY(point.Y) + 6));
            if (point is not { Low: { } low, High: { } high }) continue;
            svg.Line(x, AtY(low), x, AtY(high), series.Look.Colour, 1.5);
            labels.Keep(new Box(x - 2, AtY(high), x + 2, AtY(low)));
        }
        foreach (var (series, point, x) in marks) svg.Point(x, AtY(point.Y), series.Look.Marker, series.Look.Colour, point.IsHollow, point.Label);
        foreach (var (series, point, x) in marks.Where(m => m.Point is { IsNamed: true, Label: not "" })) labels.Place(svg, x, AtY(point.Y), point.Label, series.Look.Colour);
    }

    /// <summary>Where points stand across. Those that would hide each other's intervals are moved apart a few pixels: sweeps
    /// by their number, single points by turns.</summary>
    private static List<(ScatterSeries Series, ScatterPoint Point, double X)> Place(ScatterPanel panel, Func<double, double> at)
    {
        var marks = panel.Series.SelectMany((series, i) => series.Points.Select(point =>
            (Series: series, Point: point, X: at(point.X) + (series.IsJoined ? (i - ((panel.Series.Count - 1) / 2.0)) * 4 : 0)))).ToList();
        for (var from = 0; from < marks.Count; from++)
        {
            if (marks[from].Series.IsJoined) continue;
            var crowd = Enumerable.Range(from, marks.Count - from).Where(i => Math.Abs(marks[i].X - marks[from].X) < 1).ToList();
            for (var k = 1; k < crowd.Count; k++) marks[crowd[k]] = marks[crowd[k]] with { X = marks[from].X + (k % 2 == 1 ? (k + 1) / 2 * 7 : -k / 2 * 7) };
        }
        return marks;
    }

    private static IEnumerable<(double X, double Y)> Steps(IReadOnlyList<(double X, double Y)> corners)
    {
        if (corners.Count == 0) yield break;
        yield return corners[0];
        foreach (var (from, to) in corners.Zip(corners.Skip(1)))
        {
            yield return (to.X, from.Y);
            yield return to;
        }
    }
}

/// <summary>A rectangle in pixels.</summary>
internal readonly record struct Box(double Left, double Top, double Right, double Bottom)
{
    public double Overlap(Box other) => Math.Max(0, Math.Min(Right, other.Right) - Math.Max(Left, other.Left)) * Math.Max(0, Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top));

    public bool IsInside(Box outer) => Left >= outer.Left && Right <= outer.Right && Top >= outer.Top && Bottom <= outer.Bottom;
}

/// <summary>Puts labels beside their points, one after the other, at the nearest place that covers nothing; a label that
/// had to go far gets a thin line to its point.</summary>
internal sealed class LabelPlacer(Box area)
{
    private const double Size = 10;
    private readonly List<Box> _taken = [];

    public void Keep(Box box) => _taken.Add(box);

    /// <summary>Keeps a line free, as a row of small boxes.</summary>
    public void KeepLine(IReadOnlyList<(double X, double Y)> corners)
    {
        foreach (var (from, to) in corners.Zip(corners.Skip(1)))
        {
            var steps = Math.Max(1, (int)(Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y)) / 5));
            for (var i = 0; i <= steps; i++)
            {
                var (x, y) = (from.X + ((to.X - from.X) * i / steps), from.Y + ((to.Y - from.Y) * i / steps));
                Keep(new Box(x - 2.5, y - 2, x + 2.5, y + 2));
            }
        }
    }

    public void Place(Svg svg, double x, double y, string text, string colour)
    {
        var width = Svg.TextWidth(text, Size);
        var candidates =
            from distance in new[] { 9.0, 16, 26, 38, 52, 68, 86 }
            from angle in new[] { 0, 180, -30, 30, 150, -150, -60, 60, 120, -120, -90, 90 }
            let cx = x + (distance * Math.Cos(angle * Math.PI / 180))
            let cy = y + (distance * Math.Sin(angle * Math.PI / 180))
            let left = angle is -90 or 90 ? cx - (width / 2) : Math.Abs(angle) > 90 ? cx - width : cx
            let box = new Box(left, cy - 6, left + width, cy + 6)
            where box.IsInside(area)
            select (Box: box, Distance: distance, X: cx, Y: cy, Cost: _taken.Sum(box.Overlap));
        var best = candidates.ToList() is { Count: > 0 } all ? all.FirstOrDefault(c => c.Cost == 0, all.MinBy(c => c.Cost)) : default;
        if (best.Box == default) return; // wider than the panel: its tooltip still names it
        if (best.Distance > 16) svg.Line(x, y, Math.Clamp(x, best.Box.Left, best.Box.Right), Math.Clamp(y, best.Box.Top, best.Box.Bottom), colour, 0.6);
        svg.Text(best.Box.Left, best.Box.Bottom - 2.5, text, size: Size, hasHalo: true);
        _taken.Add(best.Box);
    }
}
