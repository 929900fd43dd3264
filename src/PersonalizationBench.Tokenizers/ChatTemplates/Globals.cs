using System.Globalization;
using System.Text;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>The functions that every template has: Jinja's and those that transformers adds.</summary>
internal static class Globals
{
    /// <summary>As Jinja's sandbox has it.</summary>
    private const long LongestRange = 100_000;

    public static IReadOnlyDictionary<string, object?> For(DateTimeOffset now) => new Dictionary<string, object?>
    {
        ["raise_exception"] = new Function("raise_exception", a => throw new TemplateFault(a.Text(a.Bind(("message", Arguments.Required))[0], "message"))),
        ["strftime_now"] = new Function("strftime_now", a => Formatted(now, a.Text(a.Bind(("format", Arguments.Required))[0], "format"))),
        ["namespace"] = new Function("namespace", a => new Namespace(MappingOf(a))),
        ["dict"] = new Function("dict", MappingOf),
        ["range"] = new Function("range", Range),
    };

    private static Mapping MappingOf(Arguments arguments)
    {
        var from = arguments.Positional.Count switch
        {
            0 => [],
            1 when arguments.Positional[0] is Mapping mapping => mapping,
            _ => throw new TemplateFault("expected a dictionary or named arguments"),
        };
        return Values.MappingOf([.. from.Select(p => (p.Key, p.Value)), .. arguments.Named.Select(p => (p.Key, p.Value))]);
    }

    private static Sequence Range(Arguments arguments)
    {
        long[] bounds = [.. arguments.Positional.Select(p => arguments.Whole(p, "bound"))];
        if (arguments.Named.Count > 0 || bounds.Length is 0 or > 3) throw new TemplateFault("range: expected one to three whole numbers");
        var (start, stop, step) = bounds.Length == 1 ? (0, bounds[0], 1L) : (bounds[0], bounds[1], bounds.Length == 3 ? bounds[2] : 1);
        if (step == 0) throw new TemplateFault("range: the step cannot be 0");
        var count = Math.Max(0, Math.Ceiling(((double)stop - start) / step));
        if (count > LongestRange) throw new TemplateFault($"range: expected at most {LongestRange} numbers, found {count.ToString(CultureInfo.InvariantCulture)}");
        return new Sequence([.. Enumerable.Range(0, (int)count).Select(i => (object?)(start + i * step))]);
    }

    /// <summary><c>strftime</c> in the C locale.</summary>
    private static string Formatted(DateTimeOffset time, string format)
    {
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%') text.Append(format[i]);
            else if (++i == format.Length) throw new TemplateFault("strftime_now: the format ends in '%'");
            else if (format[i] == '%') text.Append('%');
            else if (format[i] == 'j') text.Append(time.DayOfYear.ToString("000", CultureInfo.InvariantCulture));
            else text.Append(time.ToString(NetFormatOf(format[i]), CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }

    // One letter alone would be a standard format.
    private static string NetFormatOf(char code) => code switch
    {
        'Y' => "yyyy",
        'y' => "yy",
        'm' => "MM",
        'B' => "MMMM",
        'b' => "MMM",
        'd' => "dd",
        'A' => "dddd",
        'a' => "ddd",
        'H' => "HH",
        'I' => "hh",
        'M' => "mm",
        'S' => "ss",
        'p' => "tt",
        _ => throw new TemplateFault($"strftime_now: '%{code}' is not supported"),
    };
}
