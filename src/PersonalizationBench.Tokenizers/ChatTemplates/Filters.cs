namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>Jinja's filters that templates use; others are refused when a template is parsed.</summary>
internal static class Filters
{
    public static readonly IReadOnlyDictionary<string, Func<object?, Arguments, object?>> Known = new Dictionary<string, Func<object?, Arguments, object?>>
    {
        ["trim"] = (value, a) => PythonText.Strip(Values.Text(value), a.Bind(("chars", null))[0] is { } characters ? a.Text(characters, "chars") : null, left: true, right: true),
        ["upper"] = (value, a) => Bare(a, Values.Text(value).ToUpperInvariant()),
        ["lower"] = (value, a) => Bare(a, Values.Text(value).ToLowerInvariant()),
        ["capitalize"] = (value, a) => Bare(a, PythonText.Capitalize(Values.Text(value))),
        ["string"] = (value, a) => Bare(a, Values.Text(value)),
        // Nothing is escaped, so that nothing has to be saved from it.
        ["safe"] = (value, a) => Bare(a, Values.Text(value)),
        ["length"] = (value, a) => Bare(a, Values.Length(value)),
        ["count"] = (value, a) => Bare(a, Values.Length(value)),
        ["list"] = (value, a) => Bare(a, new Sequence(Values.Items(value))),
        ["first"] = (value, a) => Bare(a, Values.Items(value) is { Count: > 0 } items ? items[0] : new Undefined("there is no first item of nothing")),
        ["last"] = (value, a) => Bare(a, Values.Items(value) is { Count: > 0 } items ? items[^1] : new Undefined("there is no last item of nothing")),
        ["reverse"] = (value, a) => Bare(a, value is string text ? string.Concat(Values.Items(text).Reverse()) : new Sequence([.. Values.Items(value).Reverse()], SequenceKind.Generator)),
        ["items"] = (value, a) => Bare(a, value switch
        {
            Mapping mapping => Members.Pairs(mapping) with { Kind = SequenceKind.Generator },
            Undefined => new Sequence([], SequenceKind.Generator),
            _ => throw new TemplateFault($"items: expected a dictionary, found {Values.Describe(value)}"),
        }),
        ["default"] = Default,
        ["d"] = Default,
        ["replace"] = Replace,
        ["join"] = Join,
        ["int"] = ToInt,
        ["abs"] = (value, a) => Bare(a, Values.Number(value) is { } number ? (Values.ToDouble(number) < 0 ? Operators.Negate(number) : number) : throw new TemplateFault($"abs: expected a number, found {Values.Describe(value)}")),
        ["tojson"] = TemplateJson.Write,
        ["map"] = Map,
        ["select"] = (value, a) => Where(value, a, byAttribute: false, keep: true),
        ["reject"] = (value, a) => Where(value, a, byAttribute: false, keep: false),
        ["selectattr"] = (value, a) => Where(value, a, byAttribute: true, keep: true),
        ["rejectattr"] = (value, a) => Where(value, a, byAttribute: true, keep: false),
    };

    private static object? Default(object? value, Arguments arguments)
    {
        var bound = arguments.Bind(("default_value", ""), ("boolean", false));
        return value is Undefined || (Values.IsTrue(bound[1]) && !Values.IsTrue(value)) ? bound[0] : value;
    }

    private static object Replace(object? value, Arguments arguments)
    {
        var bound = arguments.Bind(("old", Arguments.Required), ("new", Arguments.Required), ("count", null));
        return TextMethods.Replace(Values.Text(value), Values.Text(bound[0]), Values.Text(bound[1]), bound[2] is { } count ? arguments.Whole(count, "count") : -1);
    }

    private static object Join(object? value, Arguments arguments)
    {
        var bound = arguments.Bind(("d", ""), ("attribute", null));
        var items = bound[1] is { } path ? Values.Items(value).Select(i => Follow(i, path)) : Values.Items(value);
        return string.Join(Values.Text(bound[0]), items.Select(Values.Text));
    }

    private static object? ToInt(object? value, Arguments arguments)
    {
        var otherwise = arguments.Bind(("default", 0L))[0];
        if (value is string text)
        {
            var culture = System.Globalization.CultureInfo.InvariantCulture;
            if (long.TryParse(text, culture, out var whole)) return whole;
            if (!double.TryParse(text, culture, out var number)) return otherwise;
            value = number;
        }
        return Values.Number(value) switch
        {
            double number when Math.Abs(number) >= long.MaxValue || double.IsNaN(number) => throw new TemplateFault($"int: {PythonText.OfNumber(number)} is not a whole number of 64 bits"),
            double number => (long)number,
            long whole => whole,
            _ => otherwise,
        };
    }

    private static Sequence Map(object? value, Arguments arguments)
    {
        var items = ItemsOrNone(value);
        if (arguments.Positional.Count == 0)
        {
            var bound = arguments.Bind(("attribute", Arguments.Required), ("default", null));
            return Generated(items.Select(i => Follow(i, bound[0]) is var found && found is Undefined && bound[1] is not null ? bound[1] : found));
        }
        var filter = Find(Known, "filter", arguments.Positional[0]);
        var rest = arguments.Skip(1);
        return Generated(items.Select(i => filter(i, rest)));
    }

    /// <summary>What a test holds for, of the items or of an attribute of theirs; without a test, what is true.</summary>
    private static Sequence Where(object? value, Arguments arguments, bool byAttribute, bool keep)
    {
        if (byAttribute && arguments.Positional.Count == 0) throw new TemplateFault("the attribute's name is missing");
        var rest = arguments.Skip(byAttribute ? 1 : 0);
        Func<object?, bool> holds = Values.IsTrue;
        if (rest.Positional.Count > 0)
        {
            var (test, others) = (Find(Tests.Known, "test", rest.Positional[0]), rest.Skip(1));
            holds = item => test(item, others);
        }
        else rest.Bind();
        return Generated(ItemsOrNone(value).Where(i => holds(byAttribute ? Follow(i, arguments.Positional[0]) : i) == keep));
    }

    /// <summary>What is false has no items, be it none or a number.</summary>
    private static IReadOnlyList<object?> ItemsOrNone(object? value) => Values.IsTrue(value) ? Values.Items(value) : [];

    private static Sequence Generated(IEnumerable<object?> items) => new([.. items], SequenceKind.Generator);

    private static Func<object?, Arguments, T> Find<T>(IReadOnlyDictionary<string, Func<object?, Arguments, T>> known, string kind, object? name) =>
        name is string text && known.TryGetValue(text, out var found) ? found : throw new TemplateFault($"the {kind} '{Values.Text(name)}' is not supported");

    /// <summary>The element at a path: names with points between them, or a number.</summary>
    private static object? Follow(object? item, object? path) => path is string names
        ? names.Split('.').Aggregate(item, (at, name) => Members.Element(at, long.TryParse(name, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var index) ? index : name))
        : Members.Element(item, path);

    private static object? Bare(Arguments arguments, object? result)
    {
        arguments.Bind();
        return result;
    }
}
