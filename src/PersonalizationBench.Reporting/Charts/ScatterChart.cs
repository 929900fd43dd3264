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

/// <summary>Points in panels below or beside each other, with one legend. Labels are put where they touch nothing.</summary>
public static class ScatterChart
{
    private const float Left = 62;
    private const float Right = 16;
    private const float HeaderHeight = 42;
    private const float AxisHeight = 58;

    public static Picture Draw(string title, IReadOnlyList<ScatterPanel> panels, float plotHeight = 230, float width = 760, int columns = 1)
    {
        var hints = new List<Hint>();
        var plots = new List<PanelPlot>();
        var (y, column) = (0f, width / columns);
        foreach (var row in panels.Chunk(columns))
        {
            for (var i = 0; i < row.Length; i++)
                plots.Add(MakePanel(row[i], new Box((i * column) + Left, y + HeaderHeight, ((i + 1) * column) - Right, y + HeaderHeight + plotHeight), hints));
            y += HeaderHeight + plotHeight + AxisHeight;
        }
        var legend = new Legend(panels.SelectMany(p => p.Series).Select(s => new LegendEntry(s.Look)).DistinctBy(e => e.Look.Name), Left, y, width);
        return new Picture(title, width, legend.Bottom + 8, canvas =>
        {
            plots.ForEach(p => p.Draw(canvas));
            legend.Draw(canvas);
        }, hints);
    }

    private static PanelPlot MakePanel(ScatterPanel panel, Box area, List<Hint> hints)
    {
        var plot = new PanelPlot(area, panel.Title, panel.Subtitle, panel.X, panel.XLabel, panel.Y, panel.YLabel);
        (float X, float Y) At((double X, double Y) corner) => (plot.X(corner.X), plot.Y(corner.Y));
        var labels = new LabelPlacer(new Box(area.Left + 2, area.Top - 4, area.Right - 2, area.Bottom - 2));

        if (panel.Reference is { } reference)
        {
            plot.Across(reference);
            labels.KeepLine([((float)area.Left, plot.Y(reference)), ((float)area.Right, plot.Y(reference))]);
        }
        foreach (var line in panel.Lines)
        {
            List<(float, float)> corners = [.. line.Corners.Select(At)];
            plot.Path(corners, Colour(line.Look), isDashed: true);
            labels.KeepLine(corners);
        }
        if (panel.Front.Count > 1)
        {
            List<(float, float)> front = [.. Steps(panel.Front).Select(At)];
            plot.Path(front, Ink.Muted, isDashed: true);
            labels.KeepLine(front);
        }
        var marks = Place(panel, plot.X);
        foreach (var series in marks.GroupBy(m => m.Series).Where(g => g.Key.IsJoined))
        {
            List<(float X, float Y)> corners = [.. series.Select(m => (m.X, plot.Y(m.Point.Y)))];
            plot.Path(corners, Colour(series.Key.Look), isDashed: false);
            labels.KeepLine(corners);
        }
        foreach (var (series, point, x) in marks)
        {
            var y = plot.Y(point.Y);
            labels.Keep(new Box(x - 6, y - 6, x + 6, y + 6));
            if (point is not { Low: { } low, High: { } high }) continue;
            plot.Bar((x, plot.Y(low)), (x, plot.Y(high)), Colour(series.Look));
            labels.Keep(new Box(x - 2, plot.Y(high), x + 2, plot.Y(low)));
        }
        // Lines to labels lie under the points that they begin at.
        foreach (var (series, point, x) in marks.Where(m => m.Point is { IsNamed: true, Label: not "" })) Name(plot, labels, series, point, x);
        foreach (var (series, point, x) in marks)
        {
            plot.Point(x, plot.Y(point.Y), series.Look, point.IsHollow);
            if (point.Label != "") hints.Add(new Hint(x, plot.Y(point.Y), point.Label));
        }
        return plot;
    }

    private static void Name(PanelPlot plot, LabelPlacer labels, ScatterSeries series, ScatterPoint point, float x)
    {
        var y = plot.Y(point.Y);
        // Where there is no room, who points at it still reads it.
        if (labels.Place(x, y, Ink.Width(point.Label, Ink.SmallSize)) is not var (box, isFar)) return;
        if (isFar)
        {
            List<(float, float)> leader = [(x, y), ((float)Math.Clamp(x, box.Left, box.Right), (float)Math.Clamp(y, box.Top, box.Bottom))];
            plot.Path(leader, Colour(series.Look), isDashed: false, width: 0.6f);
            labels.KeepLine(leader);
        }
        plot.Text((float)box.Left, (float)box.Bottom - 2.5f, point.Label, Ink.Dark, Ink.SmallSize, hasHalo: true);
    }

    private static ScottPlot.Color Colour(Look look) => ScottPlot.Color.FromHex(look.Colour);

    /// <summary>Where points stand across. Those that would hide each other's intervals are moved apart a few pixels: sweeps
    /// by their number, single points by turns.</summary>
    private static List<(ScatterSeries Series, ScatterPoint Point, float X)> Place(ScatterPanel panel, Func<double, float> at)
    {
        var marks = panel.Series.SelectMany((series, i) => series.Points.Select(point =>
            (Series: series, Point: point, X: at(point.X) + (series.IsJoined ? (i - ((panel.Series.Count - 1) / 2f)) * 4 : 0)))).ToList();
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
