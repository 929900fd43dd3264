using System.Net;
using System.Text;

namespace PersonalizationBench.Reporting.Output;

/// <summary>A cell of a table; <paramref name="IsBold"/> marks what is best beyond doubt.</summary>
public sealed record Field(string Text, bool IsBold = false)
{
    public static implicit operator Field(string text) => new(text);
}

/// <summary>A table for people, written as Markdown or HTML. The first column is text, the others are numbers.</summary>
public sealed record Table(IReadOnlyList<string> Header, IReadOnlyList<IReadOnlyList<Field>> Rows)
{
    /// <summary>The same in parts that are each at most so wide, every one beginning with the first column.</summary>
    /// <param name="width">Of the screen, in characters.</param>
    /// <param name="between">What stands between two columns, in characters.</param>
    public IReadOnlyList<Table> Fit(int width, int between)
    {
        var widths = Header.Select((name, i) => Rows.Select(r => r[i].Text.Length).Append(name.Length).Max() + between).ToList();
        var parts = new List<List<int>>();
        for (var column = 1; column < Header.Count; column++)
        {
            if (parts.Count == 0 || widths[0] + parts[^1].Sum(c => widths[c]) + widths[column] > width) parts.Add([]);
            parts[^1].Add(column);
        }
        return parts.Count < 2 ? [this] : [.. parts.Select(p => new Table([Header[0], .. p.Select(c => Header[c])], [.. Rows.Select(r => (IReadOnlyList<Field>)[r[0], .. p.Select(c => r[c])])]))];
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        Line(Header);
        Line(Header.Select((_, i) => i == 0 ? "---" : "---:"));
        foreach (var row in Rows) Line(row.Select(f => f.IsBold ? $"**{f.Text}**" : f.Text));
        return text.ToString();

        void Line(IEnumerable<string> fields) => text.Append("| ").AppendJoin(" | ", fields.Select(f => f.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");
    }

    public string ToHtml()
    {
        var text = new StringBuilder("<div class=\"wide\"><table>\n<thead><tr>");
        foreach (var name in Header) text.Append("<th>").Append(WebUtility.HtmlEncode(name)).Append("</th>");
        text.Append("</tr></thead>\n<tbody>\n");
        foreach (var row in Rows)
        {
            text.Append("<tr>");
            foreach (var field in row) text.Append("<td>").Append(field.IsBold ? "<b>" : "").Append(WebUtility.HtmlEncode(field.Text)).Append(field.IsBold ? "</b>" : "").Append("</td>");
            text.Append("</tr>\n");
        }
        return text.Append("</tbody></table></div>\n").ToString();
    }

    /// <summary>The languages that <see cref="To"/> writes.</summary>
    public static IReadOnlyList<string> Formats { get; } = ["latex", "markdown"];

    public string To(string format) => format == "latex" ? ToLatex() : ToMarkdown();

    /// <summary>For LaTeX with the package booktabs.</summary>
    public string ToLatex()
    {
        var text = new StringBuilder($"\\begin{{tabular}}{{l{new string('r', Header.Count - 1)}}}\n\\toprule\n");
        Line(Header.Select(Escape));
        text.Append("\\midrule\n");
        foreach (var row in Rows) Line(row.Select(f => f.IsBold ? $"\\textbf{{{Escape(f.Text)}}}" : Escape(f.Text)));
        return text.Append("\\bottomrule\n\\end{tabular}\n").ToString();

        void Line(IEnumerable<string> fields) => text.AppendJoin(" & ", fields).Append(" \\\\\n");
    }

    /// <summary>The same in parts below each other, each with the first column and as many of the others as fit.</summary>
    /// <param name="width">Characters of a line.</param>
    /// <param name="gap">Characters between two columns.</param>
    public IEnumerable<Table> Fold(int width, int gap)
    {
        var widths = Header.Select((name, i) => Rows.Select(r => r[i].Text.Length).Append(name.Length).Max()).ToList();
        for (var from = 1; from < Header.Count || from == 1;)
        {
            var (to, used) = (from, widths[0]);
            // One column at least, however wide.
            while (to < Header.Count && (to == from || used + gap + widths[to] <= width)) used += gap + widths[to++];
            List<int> columns = [0, .. Enumerable.Range(from, to - from)];
            yield return new Table([.. columns.Select(c => Header[c])], [.. Rows.Select(r => (IReadOnlyList<Field>)[.. columns.Select(c => r[c])])]);
            from = Math.Max(to, from + 1);
        }
    }

    public override string ToString() => ToMarkdown();

    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text)
        {
            escaped.Append(c switch
            {
                '%' or '&' or '_' or '#' or '$' or '{' or '}' => $"\\{c}",
                '\\' => "\\textbackslash{}",
                '~' => "\\textasciitilde{}",
                '^' => "\\textasciicircum{}",
                '–' => "--",
                '→' => "$\\rightarrow$",
                '<' or '>' => $"${c}$",
                _ => $"{c}",
            });
        }
        return escaped.ToString();
    }
}
