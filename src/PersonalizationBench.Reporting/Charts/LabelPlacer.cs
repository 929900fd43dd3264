namespace PersonalizationBench.Reporting.Charts;

/// <summary>A rectangle in pixels.</summary>
internal readonly record struct Box(double Left, double Top, double Right, double Bottom)
{
    public double Width => Right - Left;

    public double Height => Bottom - Top;

    public double Overlap(Box other) => Math.Max(0, Math.Min(Right, other.Right) - Math.Max(Left, other.Left)) * Math.Max(0, Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top));

    public bool IsInside(Box outer) => Left >= outer.Left && Right <= outer.Right && Top >= outer.Top && Bottom <= outer.Bottom;
}

/// <summary>Puts labels beside their points, one after the other, at the nearest place that covers nothing.</summary>
internal sealed class LabelPlacer(Box area)
{
    /// <summary>Pixels of other things that a label may cover for each pixel of its width: a line or two.</summary>
    private const double MostCovered = 0.6;

    private readonly List<Box> _taken = [];

    public void Keep(Box box) => _taken.Add(box);

    /// <summary>Keeps a line free, as a row of small boxes.</summary>
    public void KeepLine(IReadOnlyList<(float X, float Y)> corners)
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

    /// <summary>Where a label of a width stands for its point, and whether that is so far away that it wants a line to its point.
    /// Null where it would cover too much wherever it stood: a label that cannot be read names nothing.</summary>
    public (Box Box, bool IsFar)? Place(double x, double y, double width)
    {
        var candidates =
            from distance in new[] { 9.0, 16, 26, 38, 52, 68, 86 }
            from angle in new[] { 0, 180, -30, 30, 150, -150, -60, 60, 120, -120, -90, 90 }
            let cx = x + (distance * Math.Cos(angle * Math.PI / 180))
            let cy = y + (distance * Math.Sin(angle * Math.PI / 180))
            let left = angle is -90 or 90 ? cx - (width / 2) : Math.Abs(angle) > 90 ? cx - width : cx
            let box = new Box(left, cy - 6, left + width, cy + 6)
            where box.IsInside(area)
            select (Box: box, Distance: distance, Cost: _taken.Sum(box.Overlap));
        if (candidates.ToList() is not { Count: > 0 } all) return null;
        var best = all.FirstOrDefault(c => c.Cost == 0, all.MinBy(c => c.Cost));
        if (best.Cost > MostCovered * width) return null;
        const double Apart = 3;
        _taken.Add(best.Box with { Left = best.Box.Left - Apart, Right = best.Box.Right + Apart });
        return (best.Box, best.Distance > 16);
    }
}
