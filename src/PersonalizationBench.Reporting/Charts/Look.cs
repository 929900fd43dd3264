namespace PersonalizationBench.Reporting.Charts;

/// <summary>How a kind of thing looks in every figure. Colours: Wong, "Points of view: Color blindness", Nature Methods 8, 441 (2011).</summary>
public sealed record Look(string Name, string Colour, Marker Marker)
{
    /// <summary>Wong's colours on white, yellow left out because it is not seen there.</summary>
    private static readonly string[] Wong = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000"];

    /// <summary>The look of the n-th of several lines.</summary>
    public static Look Nth(int n, string name) => new(name, Wong[n % Wong.Length], (Marker)(n % 6));
}

/// <summary>One entry of a legend.</summary>
public sealed record LegendEntry(Look Look, bool IsHollow = false);

/// <summary>The one legend of a figure, in as many lines as it needs.</summary>
public static class Legend
{
    private const double LineHeight = 18;

    /// <summary>Draws the entries from <paramref name="y"/> down; returns where it ends.</summary>
    public static double Draw(Svg svg, double x, double y, IReadOnlyList<LegendEntry> entries)
    {
        var (left, line) = (x, y + (LineHeight / 2));
        foreach (var (look, isHollow) in entries)
        {
            var width = 14 + Svg.TextWidth(look.Name) + 14;
            if (left > x && left + width > svg.Width) (left, line) = (x, line + LineHeight);
            svg.Point(left + 5, line, look.Marker, look.Colour, isHollow);
            svg.Text(left + 14, line + 4, look.Name);
            left += width;
        }
        return entries.Count == 0 ? y : line + (LineHeight / 2);
    }
}
