namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Jinja's tests that templates use; others are refused when a template is parsed.</summary>
internal static class Tests
{
    public static readonly IReadOnlyDictionary<string, Func<object?, Arguments, bool>> Known = new Dictionary<string, Func<object?, Arguments, bool>>
    {
        ["defined"] = (value, a) => Bare(a, value is not Undefined),
        ["undefined"] = (value, a) => Bare(a, value is Undefined),
        ["none"] = (value, a) => Bare(a, value is null),
        ["string"] = (value, a) => Bare(a, value is string),
        ["boolean"] = (value, a) => Bare(a, value is bool),
        ["true"] = (value, a) => Bare(a, value is true),
        ["false"] = (value, a) => Bare(a, value is false),
        ["integer"] = (value, a) => Bare(a, value is long),
        ["float"] = (value, a) => Bare(a, value is double),
        ["number"] = (value, a) => Bare(a, Values.Number(value) is not null),
        ["mapping"] = (value, a) => Bare(a, value is Mapping),
        ["iterable"] = (value, a) => Bare(a, value is string or Sequence or Mapping or Undefined),
        ["sequence"] = (value, a) => Bare(a, value is string or Sequence { Kind: not SequenceKind.Generator } or Mapping or Undefined),
        ["callable"] = (value, a) => Bare(a, value is Function),
        ["odd"] = (value, a) => Bare(a, Values.AreEqual(Operators.Arithmetic["%"](value, 2L), 1L)),
        ["even"] = (value, a) => Bare(a, Values.AreEqual(Operators.Arithmetic["%"](value, 2L), 0L)),
        ["divisibleby"] = (value, a) => Values.AreEqual(Operators.Arithmetic["%"](value, a.Bind(("num", Arguments.Required))[0]), 0L),
        ["in"] = (value, a) => Values.Contains(a.Bind(("seq", Arguments.Required))[0], value),
        ["eq"] = Comparison("=="),
        ["equalto"] = Comparison("=="),
        ["=="] = Comparison("=="),
        ["ne"] = Comparison("!="),
        ["!="] = Comparison("!="),
        ["lt"] = Comparison("<"),
        ["lessthan"] = Comparison("<"),
        ["<"] = Comparison("<"),
        ["le"] = Comparison("<="),
        ["<="] = Comparison("<="),
        ["gt"] = Comparison(">"),
        ["greaterthan"] = Comparison(">"),
        [">"] = Comparison(">"),
        ["ge"] = Comparison(">="),
        [">="] = Comparison(">="),
    };

    private static Func<object?, Arguments, bool> Comparison(string name) => (value, arguments) => Operators.Comparison[name](value, arguments.Bind(("other", Arguments.Required))[0]);

    private static bool Bare(Arguments arguments, bool result)
    {
        arguments.Bind();
        return result;
    }
}
