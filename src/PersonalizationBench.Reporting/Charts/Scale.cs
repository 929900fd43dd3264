using System.Globalization;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>A value on an axis and what is written beside it; a second line where there is one.</summary>
public sealed record Tick(double Value, string Label, string Second = "");

/// <summary>From values to positions 0..1 along an axis.</summary>
public sealed record Scale(double Low, double High, bool IsLog, IReadOnlyList<Tick> Ticks)
{
    /// <summary>Where a value lies; values outside are put on the edge.</summary>
    public double Position(double value) => Math.Clamp(
        IsLog ? Math.Log(value / Low) / Math.Log(High / Low) : (value - Low) / (High - Low), 0, 1);

    /// <summary>Shares 0..1, written in percent.</summary>
    public static Scale Share(int steps) => new(0, 1, false,
        [.. Enumerable.Range(0, steps + 1).Select(i => new Tick(i / (double)steps, (100.0 * i / steps).ToString("0.#", CultureInfo.InvariantCulture)))]);

    /// <summary>Round ticks (1, 2 or 5 times a power of ten) around all <paramref name="values"/>.</summary>
    public static Scale Linear(IEnumerable<double> values, int steps)
    {
        var (low, high) = Range(values);
        if (high - low < 1e-12) (low, high) = (low - Math.Max(Math.Abs(low), 1e-3) * 0.1, high + Math.Max(Math.Abs(high), 1e-3) * 0.1);
        var rough = (high - low) / steps;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = new[] { 1, 2, 5, 10 }.Select(m => m * power).First(s => s >= rough * 0.999);
        var (first, last) = ((long)Math.Floor((low / step) + 1e-9), (long)Math.Ceiling((high / step) - 1e-9));
        var decimals = Math.Max(0, (int)-Math.Floor(Math.Log10(step) + 1e-9));
        var ticks = new List<Tick>();
        // Beyond three decimals a label is longer than an axis has room for.
        var format = decimals > 3 ? "0.#e+0" : $"F{decimals}";
        for (var i = first; i <= last; i++) ticks.Add(new Tick(i * step, (i * step).ToString(i == 0 && decimals > 3 ? "0" : format, CultureInfo.InvariantCulture)));
        return new Scale(first * step, last * step, false, ticks);
    }

    /// <summary>Powers of ten (or more between them where few fit) around all <paramref name="values"/>, which are positive.</summary>
    public static Scale Log(IEnumerable<double> values, Func<double, string> format)
    {
        var (low, high) = Range(values);
        (low, high) = (low / 1.4, high * 1.4);
        double[] mantissas = Math.Log10(high / low) switch { < 0.6 => [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], < 1.5 => [1, 2, 5], < 2.5 => [1, 3], _ => [1] };
        var every = Math.Max(1, (int)Math.Ceiling(Math.Log10(high / low) / 8));
        var ticks =
            from exponent in Enumerable.Range((int)Math.Floor(Math.Log10(low)), (int)Math.Ceiling(Math.Log10(high / low)) + 2)
            where exponent % every == 0
            from mantissa in mantissas
            let value = mantissa * Math.Pow(10, exponent)
            where value >= low && value <= high
            select new Tick(value, format(value));
        return new Scale(low, high, true, ticks.ToList());
    }

    /// <summary>A logarithmic axis whose ticks are the measured values themselves, such as the sizes of a sweep.</summary>
    public static Scale LogAt(IReadOnlyList<Tick> ticks) => new(ticks.Min(t => t.Value) / 1.5, ticks.Max(t => t.Value) * 1.5, true, ticks);

    private static (double Low, double High) Range(IEnumerable<double> values)
    {
        var finite = values.Where(double.IsFinite).ToList();
        return finite.Count == 0 ? (0, 1) : (finite.Min(), finite.Max());
    }
}
