namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>A part of a template that has a value.</summary>
internal abstract record Expression(int Line) : Node(Line)
{
    public object? Evaluate(Scope scope) => Located(scope, Value);

    protected abstract object? Value(Scope scope);
}

internal sealed record Constant(int Line, object? Content) : Expression(Line)
{
    protected override object? Value(Scope scope) => Content;
}

internal sealed record Name(int Line, string Text) : Expression(Line)
{
    protected override object? Value(Scope scope) => scope.Find(Text);
}

internal sealed record SequenceLiteral(int Line, IReadOnlyList<Expression> Items, SequenceKind Kind) : Expression(Line)
{
    protected override object? Value(Scope scope) => new Sequence([.. Items.Select(i => i.Evaluate(scope))], Kind);
}

internal sealed record MappingLiteral(int Line, IReadOnlyList<(Expression Key, Expression Value)> Pairs) : Expression(Line)
{
    protected override object? Value(Scope scope) => Values.MappingOf(Pairs.Select(p => (
        p.Key.Evaluate(scope) is var key && key is string text ? text : throw new TemplateFault($"a dictionary's key that is {Values.Describe(key)} is not supported; expected a string"),
        p.Value.Evaluate(scope))));
}

internal sealed record AttributeOf(int Line, Expression Target, string Attribute) : Expression(Line)
{
    protected override object? Value(Scope scope) => Members.Attribute(Target.Evaluate(scope), Attribute);
}

internal sealed record ElementOf(int Line, Expression Target, Expression Key) : Expression(Line)
{
    protected override object? Value(Scope scope) => Members.Element(Target.Evaluate(scope), Key.Evaluate(scope));
}

internal sealed record SliceOf(int Line, Expression Target, Expression? Start, Expression? Stop, Expression? Step) : Expression(Line)
{
    protected override object? Value(Scope scope) => Members.Slice(Target.Evaluate(scope), Start?.Evaluate(scope), Stop?.Evaluate(scope), Step?.Evaluate(scope));
}

/// <summary>The arguments of a call as they are written.</summary>
internal sealed record ArgumentList(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    public static readonly ArgumentList Empty = new([], []);

    public Arguments Evaluate(string callee, Scope scope) => new(callee, [.. Positional.Select(a => a.Evaluate(scope))], Values.MappingOf(Named.Select(a => (a.Name, a.Value.Evaluate(scope)))));
}

internal sealed record Call(int Line, Expression Callee, ArgumentList Arguments) : Expression(Line)
{
    protected override object? Value(Scope scope) => Callee.Evaluate(scope) switch
    {
        Function function => function.Call(Arguments.Evaluate(function.Name, scope)),
        Undefined undefined => throw new TemplateFault(undefined.Why),
        var other => throw new TemplateFault($"{Values.Describe(other)} cannot be called"),
    };
}

internal sealed record Filter(int Line, Expression Target, string Text, ArgumentList Arguments) : Expression(Line)
{
    protected override object? Value(Scope scope) => Filters.Known[Text](Target.Evaluate(scope), Arguments.Evaluate(Text, scope));
}

internal sealed record Test(int Line, Expression Target, string Text, ArgumentList Arguments) : Expression(Line)
{
    protected override object? Value(Scope scope) => Tests.Known[Text](Target.Evaluate(scope), Arguments.Evaluate(Text, scope));
}

internal sealed record Arithmetic(int Line, string Text, Expression Left, Expression Right) : Expression(Line)
{
    protected override object? Value(Scope scope) => Operators.Arithmetic[Text](Left.Evaluate(scope), Right.Evaluate(scope));
}

/// <summary><c>a &lt; b &lt; c</c>: every comparison has to hold; each operand is evaluated once, and not after one that failed.</summary>
internal sealed record Comparison(int Line, Expression First, IReadOnlyList<(string Text, Expression Operand)> Rest) : Expression(Line)
{
    protected override object? Value(Scope scope)
    {
        var left = First.Evaluate(scope);
        foreach (var (text, operand) in Rest)
        {
            var right = operand.Evaluate(scope);
            if (!Operators.Comparison[text](left, right)) return false;
            left = right;
        }
        return true;
    }
}

/// <summary>Python's <c>and</c> and <c>or</c>: the operand that decides.</summary>
internal sealed record Logical(int Line, bool IsAnd, Expression Left, Expression Right) : Expression(Line)
{
    protected override object? Value(Scope scope) => Left.Evaluate(scope) is var left && Values.IsTrue(left) == IsAnd ? Right.Evaluate(scope) : left;
}

internal sealed record Not(int Line, Expression Operand) : Expression(Line)
{
    protected override object? Value(Scope scope) => !Values.IsTrue(Operand.Evaluate(scope));
}

internal sealed record Signed(int Line, bool IsNegative, Expression Operand) : Expression(Line)
{
    protected override object? Value(Scope scope)
    {
        var negated = Operators.Negate(Operand.Evaluate(scope));
        return IsNegative ? negated : Operators.Negate(negated);
    }
}

/// <summary><c>then if condition else otherwise</c>.</summary>
internal sealed record Conditional(int Line, Expression Condition, Expression Then, Expression? Otherwise) : Expression(Line)
{
    protected override object? Value(Scope scope) => Values.IsTrue(Condition.Evaluate(scope)) ? Then.Evaluate(scope)
        : Otherwise is null ? new Undefined("the condition is false and there is no 'else'") : Otherwise.Evaluate(scope);
}
