using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>What went wrong in evaluating; the place is added where it is known.</summary>
internal sealed class TemplateFault(string message) : Exception(message);

/// <summary>A value that is not there. It prints as nothing, is false and has no members; to ask for one is an error.</summary>
/// <param name="Why">Such as <c>'x' is undefined</c>.</param>
internal sealed record Undefined(string Why);

internal enum SequenceKind
{
    List,
    Tuple,

    /// <summary>What filters give: to be gone through, without a length, and true even where it is empty.</summary>
    Generator,
}

internal sealed record Sequence(IReadOnlyList<object?> Items, SequenceKind Kind = SequenceKind.List);

/// <summary>A dictionary in the order of its making; only texts are keys.</summary>
internal sealed class Mapping() : OrderedDictionary<string, object?>(StringComparer.Ordinal);

/// <summary>What <c>namespace()</c> makes: its attributes can be set from inside a loop.</summary>
internal sealed class Namespace(Mapping attributes)
{
    public Mapping Attributes => attributes;
}

/// <summary>What can be called: a global function, a macro or a value's method.</summary>
internal sealed record Function(string Name, Func<Arguments, object?> Call);

/// <summary>
/// The values of a template and Python's rules for them. A value is null (none), <see cref="bool"/>, <see cref="long"/>,
/// <see cref="double"/>, <see cref="string"/>, <see cref="Sequence"/>, <see cref="Mapping"/>, or one of the above.
/// </summary>
internal static class Values
{
    public static object? Of(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => node.GetValue<string>(),
        JsonValueKind.Array => new Sequence([.. node.AsArray().Select(Of)]),
        JsonValueKind.Object => MappingOf(node.AsObject().Select(p => (p.Key, Of(p.Value)))),
        _ => OfNumber(node.ToJsonString()),
    };

    public static Mapping MappingOf(IEnumerable<(string Key, object? Value)> pairs)
    {
        var mapping = new Mapping();
        foreach (var (key, value) in pairs) mapping[key] = value;
        return mapping;
    }

    /// <summary>A number as JSON and templates write it.</summary>
    public static object OfNumber(string text)
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        if (text.AsSpan().ContainsAny('.', 'e', 'E')) return double.Parse(text, culture);
        return long.TryParse(text, culture, out var whole) ? whole : throw new TemplateFault($"the number {text} is too large");
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or false or 0L or 0.0 or "" or Undefined => false,
        Sequence sequence => sequence.Kind == SequenceKind.Generator || sequence.Items.Count > 0,
        Mapping mapping => mapping.Count > 0,
        _ => true,
    };

    /// <summary>What errors call a value.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "none",
        Undefined undefined => $"an undefined value ({undefined.Why})",
        bool => "a boolean",
        long => "a whole number",
        double => "a number",
        string => "a string",
        Sequence { Kind: SequenceKind.List } => "a list",
        Sequence { Kind: SequenceKind.Tuple } => "a tuple",
        Sequence => "a generator",
        Mapping => "a dictionary",
        Namespace => "a namespace",
        LoopState => "the loop",
        _ => "a function",
    };

    /// <summary>As it is printed.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        Undefined => "",
        _ => Written(value),
    };

    /// <summary>Python's <c>repr</c>.</summary>
    private static string Written(object? value)
    {
        GuardDepth();
        return value switch
        {
            null => "None",
            true => "True",
            false => "False",
            long or double => PythonText.OfNumber(value),
            string text => PythonText.Quoted(text),
            Undefined => "Undefined",
            Sequence { Kind: SequenceKind.List } list => $"[{string.Join(", ", list.Items.Select(Written))}]",
            Sequence { Kind: SequenceKind.Tuple } tuple => $"({string.Join(", ", tuple.Items.Select(Written))}{(tuple.Items.Count == 1 ? "," : "")})",
            Mapping mapping => $"{{{string.Join(", ", mapping.Select(p => $"{PythonText.Quoted(p.Key)}: {Written(p.Value)}"))}}}",
            _ => throw new TemplateFault($"{Describe(value)} cannot be printed"),
        };
    }

    public static bool AreEqual(object? left, object? right)
    {
        GuardDepth();
        return (left, right) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (string a, string b) => a == b,
            (Sequence a, Sequence b) => ReferenceEquals(a, b) || (a.Kind == b.Kind && a.Kind != SequenceKind.Generator && a.Items.Count == b.Items.Count && a.Items.Zip(b.Items).All(p => AreEqual(p.First, p.Second))),
            (Mapping a, Mapping b) => a.Count == b.Count && a.All(p => b.TryGetValue(p.Key, out var other) && AreEqual(p.Value, other)),
            _ when Number(left) is { } a && Number(right) is { } b => a is long x && b is long y ? x == y : ToDouble(a) == ToDouble(b),
            _ => ReferenceEquals(left, right),
        };
    }

    /// <summary>A number as <see cref="long"/> or <see cref="double"/>, true as 1; null for any other value.</summary>
    public static object? Number(object? value) => value switch
    {
        bool b => b ? 1L : 0L,
        long or double => value,
        _ => null,
    };

    public static double ToDouble(object number) => number is long whole ? whole : (double)number;

    /// <summary>Everything that a loop over the value goes through.</summary>
    public static IReadOnlyList<object?> Items(object? value) => value switch
    {
        Sequence sequence => sequence.Items,
        Mapping mapping => [.. mapping.Keys],
        string text => [.. text.EnumerateRunes().Select(r => r.ToString())],
        Undefined => [],
        _ => throw new TemplateFault($"{Describe(value)} cannot be gone through"),
    };

    public static bool Contains(object? container, object? item) => (container, item) switch
    {
        (string text, string part) => text.Contains(part, StringComparison.Ordinal),
        (string, _) => throw new TemplateFault($"expected a string before 'in' a string, found {Describe(item)}"),
        (Mapping mapping, _) => item is string key && mapping.ContainsKey(key),
        _ => Items(container).Any(i => AreEqual(i, item)),
    };

    public static long Length(object? value) => value switch
    {
        string text => text.EnumerateRunes().Count(),
        Sequence { Kind: not SequenceKind.Generator } sequence => sequence.Items.Count,
        Mapping mapping => mapping.Count,
        Undefined => 0,
        _ => throw new TemplateFault($"{Describe(value)} has no length"),
    };

    /// <summary>A template can build values that are nested without an end; walking them must not end the process.</summary>
    public static void GuardDepth()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new TemplateFault("nested too deeply");
    }
}
