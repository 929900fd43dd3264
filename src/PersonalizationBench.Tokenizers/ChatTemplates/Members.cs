using System.Text;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Attributes, elements and slices. What a value does not have is <see cref="Undefined"/>; what Python's value would
/// have and this one lacks is refused by name.</summary>
internal static class Members
{
    private static readonly HashSet<string> ListMethods = ["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
    private static readonly HashSet<string> OtherMappingMethods = ["clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update"];

    /// <summary><c>target.name</c>: a method, else an element.</summary>
    public static object? Attribute(object? target, string name) => target switch
    {
        Undefined undefined => throw new TemplateFault(undefined.Why),
        string text => TextMethods.Find(text, name) is { } method ? method : Missing(target, name),
        Mapping mapping => MethodOf(mapping, name) is { } method ? method : mapping.TryGetValue(name, out var value) ? value : Missing(target, name),
        Namespace space => space.Attributes.TryGetValue(name, out var value) ? value : Missing(target, name),
        LoopState loop when name is "previtem" or "nextitem" => loop.Neighbour(name == "previtem" ? -1 : 1),
        LoopState loop => loop.Attribute(name) ?? Missing(target, name),
        Sequence when ListMethods.Contains(name) => throw NotSupported("list", name),
        _ => Missing(target, name),
    };

    /// <summary><c>target[key]</c>: an element, else a method.</summary>
    public static object? Element(object? target, object? key) => (target, key) switch
    {
        (Undefined undefined, _) => throw new TemplateFault(undefined.Why),
        (Mapping mapping, string name) when mapping.TryGetValue(name, out var value) => value,
        (Sequence { Kind: not SequenceKind.Generator } sequence, _) when Values.Number(key) is long at => At(sequence.Items, at) is { } found ? found.Value : Missing(target, key),
        (string text, _) when Values.Number(key) is long at => At(Values.Items(text), at) is { } found ? found.Value : Missing(target, key),
        (_, string name) => Attribute(target, name),
        _ => Missing(target, key),
    };

    /// <summary><c>target[start:stop:step]</c>; null for what is left out.</summary>
    public static object Slice(object? target, object? start, object? stop, object? step)
    {
        if (target is Undefined undefined) throw new TemplateFault(undefined.Why);
        if (target is not (string or Sequence { Kind: not SequenceKind.Generator })) throw new TemplateFault($"{Values.Describe(target)} cannot be sliced");
        var items = Values.Items(target);
        var by = Bound(step) ?? 1;
        if (by == 0) throw new TemplateFault("a slice's step cannot be 0");
        // Where going backwards, one before the first stands for the end.
        var (lowest, highest) = by > 0 ? (0L, items.Count) : (-1L, items.Count - 1L);
        var at = Clamped(Bound(start)) ?? (by > 0 ? lowest : highest);
        var end = Clamped(Bound(stop)) ?? (by > 0 ? highest : lowest);
        var chosen = new List<object?>();
        for (; by > 0 ? at < end : at > end; at += by)
        {
            chosen.Add(items[(int)at]);
            if (Math.Abs(by) > items.Count) break;
        }
        return target is Sequence sequence ? sequence with { Items = chosen } : string.Concat(chosen);

        long? Clamped(long? index) => index is { } i ? Math.Clamp(i < 0 ? i + items.Count : i, lowest, highest) : null;
    }

    private static long? Bound(object? value) => value is null ? null : Values.Number(value) is long whole ? Math.Clamp(whole, int.MinValue, int.MaxValue)
        : throw new TemplateFault($"a slice expects whole numbers, found {Values.Describe(value)}");

    private static StrongBox? At(IReadOnlyList<object?> items, long at)
    {
        if (at < 0) at += items.Count;
        return at >= 0 && at < items.Count ? new StrongBox(items[(int)at]) : null;
    }

    private static Undefined Missing(object? target, object? key) => new(key is string name ? $"{Values.Describe(target)} has no '{name}'" : $"{Values.Describe(target)} has no element {Values.Text(key)}");

    public static TemplateFault NotSupported(string type, string method) => new($"the method '{method}' of a {type} is not supported");

    private static Function? MethodOf(Mapping mapping, string name)
    {
        if (OtherMappingMethods.Contains(name)) throw NotSupported("dictionary", name);
        return name switch
        {
            "items" => new(name, a => NoArguments(a, Pairs(mapping))),
            "keys" => new(name, a => NoArguments(a, new Sequence([.. mapping.Keys]))),
            "values" => new(name, a => NoArguments(a, new Sequence([.. mapping.Values]))),
            "get" => new(name, a => a.Bind(("key", Arguments.Required), ("default", null)) is var bound && bound[0] is string key && mapping.TryGetValue(key, out var value) ? value : bound[1]),
            _ => null,
        };
    }

    public static Sequence Pairs(Mapping mapping) => new([.. mapping.Select(p => new Sequence([p.Key, p.Value], SequenceKind.Tuple))]);

    private static object NoArguments(Arguments arguments, object result)
    {
        arguments.Bind();
        return result;
    }

    private sealed record StrongBox(object? Value);
}
