namespace PersonalizationBench.Reporting.Charts;

/// <summary>The shape of a point: color alone must not carry meaning.</summary>
public enum Marker
{
    Circle,
    Square,
    Diamond,
    TriangleUp,
    TriangleDown,
    Cross,
}

/// <summary>How a kind of thing looks in every figure. Colours: Wong, "Points of view: Color blindness", Nature Methods 8, 441 (2011).</summary>
public sealed record Look(string Name, string Colour, Marker Marker)
{
    /// <summary>Wong's colours on white, yellow left out because it is not seen there.</summary>
    private static readonly string[] Wong = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000"];

    /// <summary>The look of the n-th of several lines.</summary>
    public static Look Nth(int n, string name) => new(name, Wong[n % Wong.Length], (Marker)(n % 6));
}
