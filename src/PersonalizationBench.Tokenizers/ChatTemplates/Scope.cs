namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>One rendering of a template.</summary>
/// <param name="source">What errors call the template.</param>
internal sealed class TemplateRun(string source, IReadOnlyDictionary<string, object?> globals)
{
    /// <summary>Loops and macros together: a template could go on for ever.</summary>
    private const int MostSteps = 1_000_000;

    private int _steps;

    public string Source => source;

    public IReadOnlyDictionary<string, object?> Globals => globals;

    /// <summary>Counts a turn of a loop or a call of a macro.</summary>
    public void Step()
    {
        if (++_steps > MostSteps) throw new TemplateFault($"more than {MostSteps} turns of loops and calls of macros");
    }
}

/// <summary>Variables. What is set in a loop's body or a macro is not seen outside.</summary>
internal sealed class Scope(TemplateRun run, Scope? outer)
{
    private readonly Dictionary<string, object?> _variables = new(StringComparer.Ordinal);

    public TemplateRun Run => run;

    public Scope Inner() => new(run, this);

    public void Set(string name, object? value) => _variables[name] = value;

    public object? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
            if (scope._variables.TryGetValue(name, out var value)) return value;
        return run.Globals.TryGetValue(name, out var global) ? global : new Undefined($"'{name}' is undefined");
    }

    private Scope? Outer => outer;
}

/// <summary>What a loop's body sees as <c>loop</c>.</summary>
/// <param name="index">From 0.</param>
internal sealed class LoopState(IReadOnlyList<object?> items, int index)
{
    /// <summary>Null where a loop has none of that name.</summary>
    public object? Attribute(string name) => name switch
    {
        "index" => index + 1L,
        "index0" => (long)index,
        "revindex" => (long)items.Count - index,
        "revindex0" => items.Count - 1L - index,
        "length" => (long)items.Count,
        "first" => index == 0,
        "last" => index == items.Count - 1,
        // Recursive loops are refused.
        "depth" => 1L,
        "depth0" => 0L,
        "cycle" => new Function("loop.cycle", a => a.Positional.Count > 0 ? a.Positional[index % a.Positional.Count] : throw new TemplateFault("loop.cycle: expected values")),
        "changed" => throw new TemplateFault("loop.changed is not supported"),
        _ => null,
    };

    /// <summary>The item before or after this one.</summary>
    public object? Neighbour(int offset) => index + offset >= 0 && index + offset < items.Count ? items[index + offset]
        : new Undefined(offset < 0 ? "there is no previous item" : "there is no next item");
}
