using SkiaSharp;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>One entry of a legend.</summary>
internal sealed record LegendEntry(Look Look, bool IsHollow = false);

/// <summary>The one legend of a figure, in as many lines as it needs.</summary>
internal sealed class Legend
{
    private const float LineHeight = 18;
    private const float Indent = 14;

    private readonly List<(LegendEntry Entry, float X, float Y)> _places = [];

    /// <summary>Lays the entries out from <paramref name="top"/> down.</summary>
    public Legend(IEnumerable<LegendEntry> entries, float left, float top, float right)
    {
        var (x, y) = (left, top + (LineHeight / 2));
        foreach (var entry in entries)
        {
            var width = Indent + Ink.Width(entry.Look.Name) + Indent;
            if (x > left && x + width > right) (x, y) = (left, y + LineHeight);
            _places.Add((entry, x, y));
            x += width;
        }
        Bottom = _places.Count == 0 ? top : y + (LineHeight / 2);
    }

    public float Bottom { get; }

    public void Draw(SKCanvas canvas)
    {
        using var paint = ScottPlot.Paint.NewDisposablePaint();
        foreach (var (entry, x, y) in _places)
        {
            Ink.Marker(entry.Look, entry.IsHollow).Render(canvas, new ScottPlot.Pixel(x + 5, y), paint);
            Ink.Text(canvas, x + Indent, y + 4, entry.Look.Name, Ink.Dark);
        }
    }
}
