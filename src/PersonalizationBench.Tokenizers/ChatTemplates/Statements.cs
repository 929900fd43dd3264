using System.Text;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>How a loop goes on after a statement.</summary>
internal enum Flow
{
    Next,
    Continue,
    Break,
}

/// <summary>A part of a template that writes or assigns.</summary>
internal abstract record Statement(int Line) : Node(Line)
{
    public Flow Execute(Scope scope, StringBuilder output) => Located(scope, s => Run(s, output));

    protected abstract Flow Run(Scope scope, StringBuilder output);

    public static Flow ExecuteAll(IReadOnlyList<Statement> statements, Scope scope, StringBuilder output)
    {
        foreach (var statement in statements)
            if (statement.Execute(scope, output) is var flow && flow != Flow.Next) return flow;
        return Flow.Next;
    }

    protected static Flow Write(string text, StringBuilder output)
    {
        if (output.Length + text.Length > Operators.LongestText) throw new TemplateFault("what the template writes becomes too long");
        output.Append(text);
        return Flow.Next;
    }

    /// <summary>What the statements write, with variables of their own.</summary>
    public static string Written(IReadOnlyList<Statement> statements, Scope outer)
    {
        var output = new StringBuilder();
        ExecuteAll(statements, outer.Inner(), output);
        return output.ToString();
    }
}

internal sealed record Literal(int Line, string Text) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output) => Write(Text, output);
}

internal sealed record Print(int Line, Expression Printed) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output) => Write(Values.Text(Printed.Evaluate(scope)), output);
}

internal sealed record If(int Line, Expression Condition, IReadOnlyList<Statement> Then, IReadOnlyList<Statement> Otherwise) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output) => ExecuteAll(Values.IsTrue(Condition.Evaluate(scope)) ? Then : Otherwise, scope, output);
}

/// <param name="Condition">Which items are gone through; null for all.</param>
/// <param name="Otherwise">Executed where there are none.</param>
internal sealed record For(int Line, Target Target, Expression Items, Expression? Condition, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Otherwise) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        var items = Values.Items(Items.Evaluate(scope));
        if (Condition is not null) items = [.. items.Where(item => Values.IsTrue(Condition.Evaluate(ScopeOf(item, scope))))];
        if (items.Count == 0) return ExecuteAll(Otherwise, scope.Inner(), output);
        for (var i = 0; i < items.Count; i++)
        {
            scope.Run.Step();
            var inner = ScopeOf(items[i], scope);
            inner.Set("loop", new LoopState(items, i));
            if (ExecuteAll(Body, inner, output) == Flow.Break) break;
        }
        return Flow.Next;
    }

    private Scope ScopeOf(object? item, Scope scope)
    {
        var inner = scope.Inner();
        Target.Assign(inner, item);
        return inner;
    }
}

internal sealed record Jump(int Line, Flow Flow) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output) => Flow;
}

internal sealed record Set(int Line, Target Target, Expression Assigned) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        Target.Assign(scope, Assigned.Evaluate(scope));
        return Flow.Next;
    }
}

/// <summary><c>set</c> without a value: what stands up to <c>endset</c>, written.</summary>
internal sealed record SetWritten(int Line, Target Target, IReadOnlyList<Statement> Body) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output)
    {
        Target.Assign(scope, Written(Body, scope));
        return Flow.Next;
    }
}

/// <summary>transformers' <c>generation</c>, which marks what the assistant says: here it changes nothing.</summary>
internal sealed record Marked(int Line, IReadOnlyList<Statement> Body) : Statement(Line)
{
    protected override Flow Run(Scope scope, StringBuilder output) => Write(Written(Body, scope), output);
}

internal sealed record Macro(int Line, string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body) : Statement(Line)
{
    private static readonly object NotGiven = new();

    protected override Flow Run(Scope scope, StringBuilder output)
    {
        scope.Set(Name, new Function(Name, arguments => Call(scope, arguments)));
        return Flow.Next;
    }

    private string Call(Scope scope, Arguments arguments)
    {
        scope.Run.Step();
        var values = arguments.Bind([.. Parameters.Select(p => (p.Name, (object?)NotGiven))]);
        var inner = scope.Inner();
        for (var i = 0; i < values.Length; i++)
        {
            var (name, otherwise) = Parameters[i];
            inner.Set(name, !ReferenceEquals(values[i], NotGiven) ? values[i] : otherwise is not null ? otherwise.Evaluate(inner) : new Undefined($"the parameter '{name}' is not given"));
        }
        return Written(Body, inner);
    }
}

/// <summary>What a value is assigned to.</summary>
internal abstract record Target
{
    public abstract void Assign(Scope scope, object? value);
}

internal sealed record NameTarget(string Name) : Target
{
    public override void Assign(Scope scope, object? value) => scope.Set(Name, value);
}

internal sealed record AttributeTarget(string Name, string Attribute) : Target
{
    public override void Assign(Scope scope, object? value)
    {
        if (scope.Find(Name) is not Namespace space) throw new TemplateFault($"'{Name}.{Attribute}' cannot be set: '{Name}' is no namespace");
        space.Attributes[Attribute] = value;
    }
}

internal sealed record TupleTarget(IReadOnlyList<Target> Parts) : Target
{
    public override void Assign(Scope scope, object? value)
    {
        var items = Values.Items(value);
        if (items.Count != Parts.Count) throw new TemplateFault($"expected {Parts.Count} values to take apart, found {items.Count}");
        foreach (var (part, item) in Parts.Zip(items)) part.Assign(scope, item);
    }
}
