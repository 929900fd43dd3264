using ScottPlot;
using SkiaSharp;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>What every figure is drawn with: the shipped font, the colours of its frame, and the shapes of its points.</summary>
internal static class Ink
{
    public const float TextSize = 11;
    public const float SmallSize = 10;

    public static readonly Color Dark = Color.FromHex("#222222");
    public static readonly Color Muted = Color.FromHex("#666666");
    public static readonly Color Faint = Color.FromHex("#e3e3e3");
    public static readonly LinePattern Dashes = new([5, 3], 0, nameof(Dashes));

    private const float MarkerSize = 9;

    // Shipped, not looked for: a machine without any font would otherwise draw every figure without its text, and say nothing.
    private static readonly SKTypeface s_regular = Load("LiberationSans-Regular.ttf");
    private static readonly SKTypeface s_bold = Load("LiberationSans-Bold.ttf");

    public static float Width(string text, float size = TextSize, bool isBold = false)
    {
        using var paint = TextPaint(size, isBold);
        return paint.SKFont.MeasureText(text);
    }

    /// <summary>Writes a text whose base line begins at (<paramref name="x"/>, <paramref name="y"/>), around which a halo keeps lines away.</summary>
    public static void Text(SKCanvas canvas, float x, float y, string text, Color color, float size = TextSize, bool isBold = false, bool hasHalo = false)
    {
        using var paint = TextPaint(size, isBold);
        if (hasHalo)
        {
            (paint.IsStroke, paint.StrokeWidth, paint.SKStrokeJoin, paint.Color) = (true, 3, SKStrokeJoin.Round, Colors.White);
            ScottPlot.Drawing.DrawText(canvas, text, new Pixel(x, y), paint);
            paint.IsStroke = false;
        }
        paint.Color = color;
        ScottPlot.Drawing.DrawText(canvas, text, new Pixel(x, y), paint);
    }

    /// <summary>A label of an axis.</summary>
    public static void Style(LabelStyle label, Color color, float size = SmallSize) =>
        (label.Font, label.FontSize, label.ForeColor, label.Bold) = (s_regular, size, color, false);

    /// <summary>A point; a hollow one is white inside.</summary>
    public static MarkerStyle Marker(Look look, bool isHollow)
    {
        var color = Color.FromHex(look.Colour);
        var style = new MarkerStyle
        {
            FillColor = isHollow ? Colors.White : color,
            OutlineColor = isHollow ? color : Colors.White,
            OutlineWidth = isHollow ? 1.6f : 0.7f,
        };
        // Sizes of about the same area: what ScottPlot calls size is a shape's diameter.
        (style.Shape, style.Size) = look.Marker switch
        {
            Charts.Marker.Circle => (MarkerShape.FilledCircle, MarkerSize),
            Charts.Marker.Square => (MarkerShape.FilledSquare, MarkerSize * 0.9f),
            Charts.Marker.Diamond => (MarkerShape.FilledDiamond, MarkerSize * 1.25f),
            Charts.Marker.TriangleUp => (MarkerShape.FilledTriangleUp, MarkerSize * 1.15f),
            Charts.Marker.TriangleDown => (MarkerShape.FilledTriangleDown, MarkerSize * 1.15f),
            _ => (MarkerShape.FilledCircle, MarkerSize * 1.2f),
        };
        if (look.Marker == Charts.Marker.Cross) style.CustomRenderer = new FilledCross();
        return style;
    }

    private static Paint TextPaint(float size, bool isBold)
    {
        var paint = Paint.NewDisposablePaint();
        (paint.SKTypeface, paint.TextSize, paint.IsAntialias, paint.SubpixelText) = (isBold ? s_bold : s_regular, size, true, true);
        return paint;
    }

    private static SKTypeface Load(string file)
    {
        using var stream = typeof(Ink).Assembly.GetManifestResourceStream(file)!;
        return SKTypeface.FromStream(stream);
    }

    /// <summary>ScottPlot's crosses are bare lines, which cannot be hollow.</summary>
    private sealed class FilledCross : IMarker
    {
        private static readonly (float X, float Y)[] Corners =
            [(-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1), (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1)];

        public void Render(SKCanvas canvas, Paint paint, Pixel center, float size, MarkerStyle markerStyle)
        {
            Pixel[] corners = [.. Corners.Select(c => new Pixel(center.X + (c.X * size / 6), center.Y + (c.Y * size / 6)))];
            ScottPlot.Drawing.FillPath(canvas, paint, corners, markerStyle.FillStyle, new PixelRect(center, size / 2));
            ScottPlot.Drawing.DrawPath(canvas, paint, corners, markerStyle.OutlineStyle, close: true);
        }
    }
}
