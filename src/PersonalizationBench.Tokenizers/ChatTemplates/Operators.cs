namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Operators between two values, by Python's rules.</summary>
internal static class Operators
{
    /// <summary>No text becomes longer: a template could double one without an end.</summary>
    public const int LongestText = 1 << 26;

    public static readonly IReadOnlyDictionary<string, Func<object?, object?, object?>> Arithmetic = new Dictionary<string, Func<object?, object?, object?>>
    {
        ["+"] = Add,
        ["-"] = (a, b) => OfNumbers("-", a, b, (x, y) => checked(x - y), (x, y) => x - y),
        ["*"] = Multiply,
        ["/"] = (a, b) => OfNumbers("/", a, b, (x, y) => x / (double)NotZero(y), (x, y) => x / NotZero(y)),
        ["//"] = (a, b) => OfNumbers("//", a, b, (x, y) => FloorDivide(x, NotZero(y)), (x, y) => Math.Round((x - Modulo(x, NotZero(y))) / y)),
        ["%"] = (a, b) => a is string ? throw new TemplateFault("formatting a string by % is not supported")
            : OfNumbers("%", a, b, (x, y) => checked(x - FloorDivide(x, NotZero(y)) * y), (x, y) => Modulo(x, NotZero(y))),
        ["~"] = (a, b) => Concat(Values.Text(a), Values.Text(b)),
    };

    public static readonly IReadOnlyDictionary<string, Func<object?, object?, bool>> Comparison = new Dictionary<string, Func<object?, object?, bool>>
    {
        ["=="] = Values.AreEqual,
        ["!="] = (a, b) => !Values.AreEqual(a, b),
        ["<"] = (a, b) => Compare("<", a, b) is < 0,
        ["<="] = (a, b) => Compare("<=", a, b) is <= 0,
        [">"] = (a, b) => Compare(">", a, b) is > 0,
        [">="] = (a, b) => Compare(">=", a, b) is >= 0,
        ["in"] = (a, b) => Values.Contains(b, a),
        ["not in"] = (a, b) => !Values.Contains(b, a),
    };

    public static object Negate(object? value) => Values.Number(value) switch
    {
        long.MinValue => throw TooLarge(),
        long whole => (object)-whole,
        double number => -number,
        _ => throw new TemplateFault($"'-' expects a number, found {Values.Describe(value)}"),
    };

    private static object? Add(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => Concat(a, b),
        (Sequence { Kind: not SequenceKind.Generator } a, Sequence b) when a.Kind == b.Kind => Concat(a, b),
        _ => OfNumbers("+", left, right, (x, y) => checked(x + y), (x, y) => x + y),
    };

    private static object? Multiply(object? left, object? right) => (left, right) switch
    {
        (string text, _) when Values.Number(right) is long times => Repeat(text, times),
        (_, string text) when Values.Number(left) is long times => Repeat(text, times),
        (Sequence, _) or (_, Sequence) => throw new TemplateFault("repeating a list by * is not supported"),
        _ => OfNumbers("*", left, right, (x, y) => checked(x * y), (x, y) => x * y),
    };

    private static string Concat(string left, string right) => left.Length + (long)right.Length <= LongestText ? left + right : throw TooLarge();

    private static Sequence Concat(Sequence left, Sequence right) => left.Items.Count + (long)right.Items.Count <= LongestText ? left with { Items = [.. left.Items, .. right.Items] } : throw TooLarge();

    private static string Repeat(string text, long times) =>
        times <= 0 || text.Length == 0 ? "" : times <= LongestText / text.Length ? string.Concat(Enumerable.Repeat(text, (int)times)) : throw TooLarge();

    private static object OfNumbers<T>(string name, object? left, object? right, Func<long, long, T> whole, Func<double, double, double> floating) where T : struct
    {
        if (Values.Number(left) is not { } a || Values.Number(right) is not { } b)
            throw new TemplateFault($"'{name}' does not take {Values.Describe(left)} and {Values.Describe(right)}");
        try
        {
            return a is long x && b is long y ? whole(x, y) : floating(Values.ToDouble(a), Values.ToDouble(b));
        }
        catch (OverflowException)
        {
            throw TooLarge();
        }
    }

    private static long FloorDivide(long left, long right) => right == -1 ? checked(-left) : (left / right) - (left % right != 0 && left < 0 != right < 0 ? 1 : 0);

    /// <summary>With the sign of the divisor.</summary>
    private static double Modulo(double left, double right) => left % right is var rest && rest != 0 && rest < 0 != right < 0 ? rest + right : rest;

    private static long NotZero(long divisor) => divisor != 0 ? divisor : throw new TemplateFault("division by zero");

    private static double NotZero(double divisor) => divisor != 0 ? divisor : throw new TemplateFault("division by zero");

    /// <summary>Below, at or above zero; null where one of them is not a number.</summary>
    private static int? Compare(string name, object? left, object? right)
    {
        if (left is string a && right is string b) return string.CompareOrdinal(a, b);
        if (Values.Number(left) is not { } x || Values.Number(right) is not { } y) throw new TemplateFault($"'{name}' does not take {Values.Describe(left)} and {Values.Describe(right)}");
        if (x is long p && y is long q) return p.CompareTo(q);
        var (u, v) = (Values.ToDouble(x), Values.ToDouble(y));
        return double.IsNaN(u) || double.IsNaN(v) ? null : u.CompareTo(v);
    }

    private static TemplateFault TooLarge() => new("a value becomes too large");
}
