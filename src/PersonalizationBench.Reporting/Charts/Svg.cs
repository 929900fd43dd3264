using System.Globalization;
using System.Security;
using System.Text;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>How a text is anchored at its point.</summary>
public enum Anchor
{
    Start,
    Middle,
    End,
}

/// <summary>The shape of a point: colour alone must not carry meaning.</summary>
public enum Marker
{
    Circle,
    Square,
    Diamond,
    TriangleUp,
    TriangleDown,
    Cross,
}

/// <summary>Draws SVG 1.1 in pixels: white background, sans-serif, coordinates with at most two decimals.</summary>
public sealed class Svg(double width, string title)
{
    public const double FontSize = 11;
    public const string Ink = "#222222";
    public const string Faint = "#e3e3e3";
    public const string Muted = "#666666";

    private readonly StringBuilder _body = new();

    public double Width { get; } = width;

    /// <summary>Upper bound on the width of a text in the widest of the usual sans-serif fonts.</summary>
    public static double TextWidth(string text, double size = FontSize, bool isBold = false) =>
        size * text.Sum(c => "ilj.,:;'|!()[] ftI-".Contains(c) ? 0.40 : "mwMWQO%@".Contains(c) ? 0.93 : 0.64) * (isBold ? 1.1 : 1);

    public void Line(double x1, double y1, double x2, double y2, string colour = Ink, double thickness = 1, string dashes = "") =>
        _body.Append(CultureInfo.InvariantCulture, $"""<line x1="{N(x1)}" y1="{N(y1)}" x2="{N(x2)}" y2="{N(y2)}" stroke="{colour}" stroke-width="{N(thickness)}"{(dashes == "" ? "" : $" stroke-dasharray=\"{dashes}\"")}/>""").Append('\n');

    public void Polyline(IEnumerable<(double X, double Y)> points, string colour, double thickness, string dashes = "") =>
        _body.Append($"""<polyline points="{Points(points)}" fill="none" stroke="{colour}" stroke-width="{N(thickness)}" stroke-linejoin="round"{(dashes == "" ? "" : $" stroke-dasharray=\"{dashes}\"")}/>""").Append('\n');

    public void Text(double x, double y, string text, Anchor anchor = Anchor.Start, string colour = Ink, double size = FontSize, bool isBold = false, bool isVertical = false, bool hasHalo = false) =>
        _body.Append($"""<text x="{N(x)}" y="{N(y)}" font-size="{N(size)}" fill="{colour}" """)
            .Append($"""text-anchor="{anchor.ToString().ToLowerInvariant()}"{(isBold ? " font-weight=\"bold\"" : "")}{(hasHalo ? " stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"" : "")}{(isVertical ? $" transform=\"rotate(-90 {N(x)} {N(y)})\"" : "")}>{Escape(text)}</text>""").Append('\n');

    /// <summary>A point; hollow ones are filled white. <paramref name="tooltip"/> shows under the pointer.</summary>
    public void Point(double x, double y, Marker marker, string colour, bool isHollow = false, string tooltip = "", double size = 4.5)
    {
        var style = $"""fill="{(isHollow ? "#ffffff" : colour)}" stroke="{(isHollow ? colour : "#ffffff")}" stroke-width="{(isHollow ? "1.6" : "0.7")}" """.TrimEnd();
        var shape = marker switch
        {
            Marker.Circle => $"""<circle cx="{N(x)}" cy="{N(y)}" r="{N(size)}" {style}>""",
            Marker.Square => Polygon((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
            Marker.Diamond => Polygon((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
            Marker.TriangleUp => Polygon((0, -1.25), (1.15, 0.85), (-1.15, 0.85)),
            Marker.TriangleDown => Polygon((0, 1.25), (1.15, -0.85), (-1.15, -0.85)),
            _ => Polygon((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4)),
        };
        _body.Append(shape).Append(tooltip == "" ? "" : $"<title>{Escape(tooltip)}</title>").Append(marker == Marker.Circle ? "</circle>\n" : "</polygon>\n");

        string Polygon(params (double X, double Y)[] corners) => $"""<polygon points="{Points(corners.Select(c => (x + (size * c.X), y + (size * c.Y))))}" {style}>""";
    }

    /// <summary>The whole document.</summary>
    public string Finish(double height) =>
        $"""
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {N(Width)} {N(height)}" width="{N(Width)}" height="{N(height)}" role="img" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">
        <title>{Escape(title)}</title>
        <rect width="100%" height="100%" fill="#ffffff"/>
        {_body}</svg>

        """;

    private static string Points(IEnumerable<(double X, double Y)> points) => string.Join(' ', points.Select(p => $"{N(p.X)},{N(p.Y)}"));

    private static string Escape(string text) => SecurityElement.Escape(text);

    private static string N(double value) => (Math.Round(value, 2) + 0.0).ToString("0.##", CultureInfo.InvariantCulture);
}
