namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>What stands in the brackets of a call.</summary>
/// <param name="callee">What errors call the function.</param>
internal sealed class Arguments(string callee, IReadOnlyList<object?> positional, IReadOnlyDictionary<string, object?> named)
{
    /// <summary>Stands for a parameter's default value where there is none.</summary>
    public static readonly object Required = new();

    public IReadOnlyList<object?> Positional => positional;

    public IReadOnlyDictionary<string, object?> Named => named;

    /// <summary>The values of the parameters, in their order; refuses arguments that belong to none.</summary>
    public object?[] Bind(params ReadOnlySpan<(string Name, object? Otherwise)> parameters)
    {
        var values = new object?[parameters.Length];
        if (positional.Count > values.Length) throw new TemplateFault($"{callee} takes {values.Length} arguments at most, found {positional.Count}");
        var used = 0;
        for (var i = 0; i < values.Length; i++)
        {
            var (name, otherwise) = parameters[i];
            var isNamed = named.TryGetValue(name, out var value);
            if (isNamed && i < positional.Count) throw new TemplateFault($"{callee}: the argument '{name}' is given twice");
            if (isNamed) used++;
            values[i] = i < positional.Count ? positional[i] : isNamed ? value : otherwise;
            if (ReferenceEquals(values[i], Required)) throw new TemplateFault($"{callee}: the argument '{name}' is missing");
        }
        if (used == named.Count) return values;
        var names = parameters.ToArray().Select(p => p.Name);
        throw new TemplateFault($"{callee}: the argument '{named.Keys.First(k => !names.Contains(k))}' is not supported");
    }

    /// <summary>The arguments after the first ones.</summary>
    public Arguments Skip(int count) => new(callee, [.. positional.Skip(count)], named);

    public string Text(object? value, string name) => value as string ?? throw Unexpected(name, "a string", value);

    public long Whole(object? value, string name) => Values.Number(value) is long whole ? whole : throw Unexpected(name, "a whole number", value);

    private TemplateFault Unexpected(string name, string expected, object? value) => new($"{callee}: {name}: expected {expected}, found {Values.Describe(value)}");
}
