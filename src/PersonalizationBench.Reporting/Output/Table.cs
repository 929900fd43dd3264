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

    public override string ToString() => ToMarkdown();
}
