using System.Text;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>The filter <c>tojson</c> as transformers puts it in: Python's <c>json.dumps</c> with <c>ensure_ascii=False</c>, keys in their order.</summary>
internal static class TemplateJson
{
    private const int MostIndent = 64;

    public static object Write(object? value, Arguments arguments)
    {
        var bound = arguments.Bind(("ensure_ascii", false), ("indent", null));
        if (Values.IsTrue(bound[0])) throw new TemplateFault("tojson: ensure_ascii is not supported");
        int? indent = bound[1] is null ? null : (int)Math.Clamp(arguments.Whole(bound[1], "indent"), 0, MostIndent);
        var text = new StringBuilder();
        Write(value, indent, 0, text);
        return text.ToString();
    }

    private static void Write(object? value, int? indent, int depth, StringBuilder text)
    {
        Values.GuardDepth();
        switch (value)
        {
            case null: text.Append("null"); break;
            case bool b: text.Append(b ? "true" : "false"); break;
            case double.NaN: text.Append("NaN"); break;
            case double d when double.IsInfinity(d): text.Append(d > 0 ? "Infinity" : "-Infinity"); break;
            case long or double: text.Append(PythonText.OfNumber(value)); break;
            case string s: WriteText(s, text); break;
            case Sequence { Kind: not SequenceKind.Generator } sequence:
                WriteAll('[', ']', sequence.Items, item => Write(item, indent, depth + 1, text), indent, depth, text);
                break;
            case Mapping mapping:
                WriteAll('{', '}', mapping, pair =>
                {
                    WriteText(pair.Key, text);
                    text.Append(": ");
                    Write(pair.Value, indent, depth + 1, text);
                }, indent, depth, text);
                break;
            default: throw new TemplateFault($"tojson: {Values.Describe(value)} cannot be written");
        }
    }

    private static void WriteAll<T>(char open, char close, IReadOnlyCollection<T> items, Action<T> write, int? indent, int depth, StringBuilder text)
    {
        text.Append(open);
        var first = true;
        foreach (var item in items)
        {
            if (!first) text.Append(indent is null ? ", " : ",");
            if (indent is { } inner) text.Append('\n').Append(' ', inner * (depth + 1));
            write(item);
            first = false;
        }
        if (indent is { } outer && !first) text.Append('\n').Append(' ', outer * depth);
        text.Append(close);
    }

    private static void WriteText(string value, StringBuilder text)
    {
        text.Append('"');
        foreach (var c in value)
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        text.Append('"');
    }
}
