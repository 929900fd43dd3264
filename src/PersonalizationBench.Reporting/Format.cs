using System.Globalization;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting;

/// <summary>Numbers as people read them, invariant.</summary>
public static class Format
{
    /// <summary>Three significant digits.</summary>
    public static string Number(double value) => value switch
    {
        0 => "0",
        double.PositiveInfinity => "never",
        _ when Math.Abs(value) >= 1e5 || Math.Abs(value) < 1e-4 => value.ToString("0.##e+0", CultureInfo.InvariantCulture),
        _ when Math.Abs(value) >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        _ => value.ToString($"F{Math.Max(0, 2 - (int)Math.Floor(Math.Log10(Math.Abs(value))))}", CultureInfo.InvariantCulture),
    };

    /// <summary>Short for axes that span powers of ten: 1e-4.</summary>
    public static string Power(double value) => value is >= 0.01 and < 1e4 ? value.ToString("0.##", CultureInfo.InvariantCulture) : value.ToString("0.#e+0", CultureInfo.InvariantCulture);

    /// <summary>A count, rounded.</summary>
    public static string Whole(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    /// <summary>0.923 as 92.3: percent without the sign.</summary>
    public static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture);

    public static string Percent(Interval interval) => $"{Percent(interval.Estimate)} [{Percent(interval.Low)}, {Percent(interval.High)}]";

    /// <summary>0.923 [0.88, 0.95] as 92 [88, 95].</summary>
    public static string WholePercent(Interval interval) => $"{Whole(100 * interval.Estimate)} [{Whole(100 * interval.Low)}, {Whole(100 * interval.High)}]";

    /// <summary>With decimal prefixes: 3.5 M.</summary>
    public static string Count(double count) => Prefixed(count, "").TrimEnd();

    /// <summary>Three decimals: bits per byte.</summary>
    public static string Bits(double bits) => bits.ToString("F3", CultureInfo.InvariantCulture);

    /// <summary>Of a single user or run there is no interval.</summary>
    public static string Bits(Interval interval) => interval.Units == 1 ? Bits(interval.Estimate) : $"{Bits(interval.Estimate)} [{Bits(interval.Low)}, {Bits(interval.High)}]";

    /// <summary>With decimal prefixes: 1.2 kB.</summary>
    public static string Bytes(double bytes) => Prefixed(bytes, "B");

    /// <summary>A multiply-add counts two.</summary>
    public static string Flops(double flops) => Prefixed(flops, "FLOP");

    public static string PValue(double p) => p < 0.001 ? "< 0.001" : p.ToString("F3", CultureInfo.InvariantCulture);

    private static string Prefixed(double value, string unit)
    {
        string[] prefixes = ["", "k", "M", "G", "T", "P", "E"];
        var thousands = value < 1000 ? 0 : Math.Min(prefixes.Length - 1, (int)Math.Floor(Math.Log10(value * 1.0005) / 3));
        var scaled = value / Math.Pow(1000, thousands);
        return $"{scaled.ToString(scaled >= 100 || (thousands == 0 && scaled == Math.Floor(scaled)) ? "0" : scaled >= 10 ? "0.#" : "0.##", CultureInfo.InvariantCulture)} {prefixes[thousands]}{unit}";
    }
}
