using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>
/// One panel of a figure as a plot of ScottPlot's, in a place of the picture that is given in pixels. Its axes run from 0 to 1
/// (<see cref="Scale.Position"/>), so that linear and logarithmic ones are drawn alike, and a little beyond, so that points on the
/// edge are whole.
/// </summary>
internal sealed class PanelPlot
{
    private const float Air = 7;

    /// <summary>Of panels whose points may be moved apart across.</summary>
    private const float WideAir = 16;
    private const float HeaderHeight = 36;
    private const float AxisHeight = 52;
    private const float Side = 400;

    private readonly Plot _plot = new();
    private readonly List<Action<SKCanvas>> _above = [];
    private readonly Box _area;
    private readonly float _airX;
    private readonly float _airY;
    private readonly Scale _x;
    private readonly Scale? _y;

    /// <param name="area">Where values are drawn; titles and labels are around it.</param>
    /// <param name="y">Without one, rows are given in pixels below the upper edge.</param>
    public PanelPlot(Box area, string title, string subtitle, Scale x, string xLabel, Scale? y, string yLabel)
    {
        (_area, _x, _y) = (area, x, y);
        (_airX, _airY) = y is null ? (Air, 0) : (WideAir, Air);
        var margin = (X: _airX / (area.Width - (2 * _airX)), Y: _airY / (area.Height - (2 * _airY)));
        _plot.Axes.SetLimits(-margin.X, 1 + margin.X, -margin.Y, 1 + margin.Y);
        _plot.Layout.Fixed(new PixelPadding(Side, Side, AxisHeight, HeaderHeight));
        _plot.FigureBackground.Color = Colors.Transparent;
        // The canvas holds the panels that were drawn before.
        _plot.RenderManager.ClearCanvasBeforeEachRender = false;
        _plot.RenderManager.Remove<ScottPlot.Rendering.RenderActions.ClearCanvas>();
        _plot.Grid.MajorLineColor = Ink.Faint;
        _plot.Grid.YAxisStyle.IsVisible = y is not null;
        _plot.Axes.Right.IsVisible = _plot.Axes.Top.IsVisible = false;
        SetUp(_plot.Axes.Bottom, Readable(x.Ticks).Select(t => (x.Position(t.Value), t.Second == "" ? t.Label : $"{t.Label}\n{t.Second}")), xLabel);
        SetUp(_plot.Axes.Left, (y?.Ticks ?? []).Select(t => (y!.Position(t.Value), t.Label)), yLabel);
        if (y is null) _plot.Axes.Left.FrameLineStyle.IsVisible = false;
        _above.Add(canvas =>
        {
            Ink.Text(canvas, (float)area.Left, (float)area.Top - 22, title, Ink.Dark, 12, isBold: true);
            Ink.Text(canvas, (float)area.Left, (float)area.Top - 8, subtitle, Ink.Muted, Ink.SmallSize);
        });
    }

    public float X(double value) => (float)(_area.Left + _airX + ((_area.Width - (2 * _airX)) * _x.Position(value)));

    public float Y(double value) => (float)(_area.Bottom - _airY - ((_area.Height - (2 * _airY)) * _y!.Position(value)));

    /// <summary>A dashed line across.</summary>
    public void Across(double y) => Line(_plot.Add.HorizontalLine(At(0, Y(y)).Y), Ink.Dark, 1, Ink.Dashes);

    /// <summary>A line from top to bottom, dashed if nothing else is said.</summary>
    public void Down(double x, LinePattern? pattern = null) => Line(_plot.Add.VerticalLine(At(X(x), 0).X), Ink.Dark, 1, pattern ?? Ink.Dashes);

    /// <summary>A line through pixels.</summary>
    public void Path(IEnumerable<(float X, float Y)> corners, Color color, bool isDashed, float width = 1.2f)
    {
        var line = _plot.Add.ScatterLine(corners.Select(c => At(c.X, c.Y)).ToArray());
        (line.Color, line.LineWidth, line.LinePattern) = (color, width, isDashed ? Ink.Dashes : LinePattern.Solid);
    }

    /// <summary>An interval from one pixel to another, both on a vertical or on a horizontal.</summary>
    public void Bar((float X, float Y) from, (float X, float Y) to, Color color)
    {
        var (low, high) = (At(from.X, from.Y), At(to.X, to.Y));
        var isVertical = from.X == to.X;
        double[] none = [0], length = [isVertical ? high.Y - low.Y : high.X - low.X];
        // The bar starts at its lower end: the positive error is its whole length.
        var bar = isVertical ? new ScottPlot.Plottables.ErrorBar([low.X], [low.Y], null, null, length, none) : new ScottPlot.Plottables.ErrorBar([low.X], [low.Y], length, none, null, null);
        (bar.CapSize, bar.Color, bar.LineWidth) = (0, color, 1.7f);
        _plot.Add.Plottable(bar);
    }

    public void Point(float x, float y, Look look, bool isHollow)
    {
        var marker = _plot.Add.Marker(0, 0);
        (marker.Location, marker.MarkerStyle) = (At(x, y), Ink.Marker(look, isHollow));
    }

    /// <summary>Writes at a pixel, over everything else.</summary>
    public void Text(float x, float y, string text, Color color, float size, bool hasHalo) => _above.Add(canvas => Ink.Text(canvas, x, y, text, color, size, hasHalo: hasHalo));

    public void Draw(SKCanvas canvas)
    {
        var place = new PixelRect((float)_area.Left - Side, (float)_area.Right + Side, (float)_area.Bottom + AxisHeight, (float)_area.Top - HeaderHeight);
        // The first rendering finds that its axes have changed and renders again: on a picture that keeps everything, all would be there twice.
        using (var nowhere = SKSurface.CreateNull((int)place.Width, (int)place.Height)) _plot.Render(nowhere.Canvas, place);
        _plot.Render(canvas, place);
        foreach (var draw in _above) draw(canvas);
    }

    private Coordinates At(float x, float y) => new((x - _area.Left - _airX) / (_area.Width - (2 * _airX)), (_area.Bottom - _airY - y) / (_area.Height - (2 * _airY)));

    /// <summary>The ticks whose labels do not touch the label before.</summary>
    private IEnumerable<Tick> Readable(IReadOnlyList<Tick> ticks)
    {
        const float Apart = 4;
        var end = float.NegativeInfinity;
        foreach (var tick in ticks)
        {
            var half = Math.Max(Ink.Width(tick.Label, Ink.SmallSize), Ink.Width(tick.Second, Ink.SmallSize)) / 2;
            if (X(tick.Value) - half < end + Apart) continue;
            end = X(tick.Value) + half;
            yield return tick;
        }
    }

    private static void Line(ScottPlot.Plottables.AxisLine line, Color color, float width, LinePattern pattern) =>
        (line.LineColor, line.LineWidth, line.LinePattern) = (color, width, pattern);

    private static void SetUp(IAxis axis, IEnumerable<(double Position, string Label)> ticks, string label)
    {
        axis.TickGenerator = new NumericManual(ticks.Select(t => new ScottPlot.Tick(t.Position, t.Label, isMajor: true)).ToArray());
        axis.MajorTickStyle.Length = 0;
        (axis.FrameLineStyle.Color, axis.FrameLineStyle.AntiAlias) = (Ink.Dark, true);
        axis.Label.Text = label;
        Ink.Style(axis.Label, Ink.Muted);
        Ink.Style(axis.TickLabelStyle, Ink.Dark);
    }
}
