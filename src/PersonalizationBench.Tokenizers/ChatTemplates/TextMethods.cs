namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>The methods of a string that templates use.</summary>
internal static class TextMethods
{
    private static readonly Dictionary<string, Func<string, Arguments, object?>> Known = new()
    {
        ["strip"] = (text, a) => Strip(text, a, left: true, right: true),
        ["lstrip"] = (text, a) => Strip(text, a, left: true, right: false),
        ["rstrip"] = (text, a) => Strip(text, a, left: false, right: true),
        ["split"] = (text, a) => Split(text, a, fromRight: false),
        ["rsplit"] = (text, a) => Split(text, a, fromRight: true),
        ["startswith"] = (text, a) => Affixes(a, "prefix").Any(p => text.StartsWith(p, StringComparison.Ordinal)),
        ["endswith"] = (text, a) => Affixes(a, "suffix").Any(s => text.EndsWith(s, StringComparison.Ordinal)),
        ["removeprefix"] = (text, a) => Single(a, "prefix") is var prefix && text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text,
        ["removesuffix"] = (text, a) => Single(a, "suffix") is var suffix && text.EndsWith(suffix, StringComparison.Ordinal) ? text[..^suffix.Length] : text,
        ["upper"] = (text, a) => Bare(a, text.ToUpperInvariant()),
        ["lower"] = (text, a) => Bare(a, text.ToLowerInvariant()),
        ["title"] = (text, a) => Bare(a, PythonText.Title(text)),
        ["capitalize"] = (text, a) => Bare(a, PythonText.Capitalize(text)),
        ["replace"] = Replace,
        ["join"] = (text, a) => string.Join(text, Values.Items(a.Bind(("iterable", Arguments.Required))[0]).Select(i => a.Text(i, "iterable"))),
        ["find"] = (text, a) => text.IndexOf(Single(a, "sub"), StringComparison.Ordinal) is >= 0 and var at ? Values.Length(text[..at]) : -1L,
        ["count"] = (text, a) => Single(a, "sub") is { Length: > 0 } part ? text.Split(part).Length - 1L : Values.Length(text) + 1,
    };

    /// <summary>Python's others.</summary>
    private static readonly HashSet<string> NotSupported =
    [
        "casefold", "center", "encode", "expandtabs", "format", "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric",
        "isprintable", "isspace", "istitle", "isupper", "ljust", "maketrans", "partition", "rfind", "rindex", "rjust", "rpartition", "splitlines", "swapcase", "translate", "zfill",
    ];

    /// <summary>The method of that name, null where a string has none.</summary>
    public static Function? Find(string text, string name) => NotSupported.Contains(name) ? throw Members.NotSupported("string", name)
        : Known.TryGetValue(name, out var method) ? new Function(name, a => method(text, a)) : null;

    /// <param name="count">How many at most, from the left; negative for all.</param>
    public static string Replace(string text, string old, string replacement, long count) =>
        count < 0 && old.Length > 0 ? text.Replace(old, replacement, StringComparison.Ordinal)
        : old.Length > 0 ? string.Join(replacement, PythonText.Split(text, old, count, fromRight: false))
        : throw new TemplateFault("replace: an empty string cannot be replaced");

    private static object Replace(string text, Arguments arguments)
    {
        var bound = arguments.Bind(("old", Arguments.Required), ("new", Arguments.Required), ("count", -1L));
        return Replace(text, arguments.Text(bound[0], "old"), arguments.Text(bound[1], "new"), arguments.Whole(bound[2], "count"));
    }

    private static object Strip(string text, Arguments arguments, bool left, bool right)
    {
        var characters = arguments.Bind(("chars", null))[0];
        return PythonText.Strip(text, characters is null ? null : arguments.Text(characters, "chars"), left, right);
    }

    private static object Split(string text, Arguments arguments, bool fromRight)
    {
        var bound = arguments.Bind(("sep", null), ("maxsplit", -1L));
        var most = arguments.Whole(bound[1], "maxsplit");
        if (bound[0] is not null)
        {
            var separator = arguments.Text(bound[0], "sep");
            return separator.Length > 0 ? new Sequence([.. PythonText.Split(text, separator, most, fromRight)]) : throw new TemplateFault("split: the separator is empty");
        }
        if (fromRight && most >= 0) throw new TemplateFault("rsplit: maxsplit without a separator is not supported");
        return new Sequence([.. PythonText.Words(text, most)]);
    }

    private static IEnumerable<string> Affixes(Arguments arguments, string name)
    {
        var value = arguments.Bind((name, Arguments.Required))[0];
        return value is Sequence { Kind: SequenceKind.Tuple } several ? several.Items.Select(i => arguments.Text(i, name)) : [arguments.Text(value, name)];
    }

    private static string Single(Arguments arguments, string name) => arguments.Text(arguments.Bind((name, Arguments.Required))[0], name);

    private static string Bare(Arguments arguments, string result)
    {
        arguments.Bind();
        return result;
    }
}
