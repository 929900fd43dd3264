using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace PersonalizationBench.Reporting.Charts;

/// <summary>
/// Makes an SVG of Skia's fit for a repository and a web page: the same text every time (its clip paths are numbered through the life
/// of the process; what is drawn lies inside them anyway), a title and hints for who points or listens, a view box so that it scales,
/// and texts whose length is given as a whole, so that a machine that lacks the font sets them in one of its own at the same places.
/// </summary>
internal static partial class SvgDocument
{
    private const string FontFamily = "'Liberation Sans', Arial, Helvetica, sans-serif";

    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    public static string Finish(string drawn, string title, float width, float height, IReadOnlyList<Hint> hints)
    {
        var root = XDocument.Parse(drawn).Root!;
        root.SetAttributeValue("viewBox", $"0 0 {Number(width)} {Number(height)}");
        root.SetAttributeValue("role", "img");
        root.SetAttributeValue("font-family", FontFamily);
        root.AddFirst(new XElement(s_svg + "title", title));
        root.Descendants(s_svg + "clipPath").Remove();
        foreach (var clipped in root.Descendants(s_svg + "g").ToList()) clipped.ReplaceWith(clipped.Elements());
        foreach (var text in root.Descendants(s_svg + "text")) SetText(text);
        foreach (var attribute in root.Descendants().Attributes().Where(a => !a.IsNamespaceDeclaration))
            attribute.Value = LongNumber().Replace(attribute.Value, m => Number(double.Parse(m.Value, CultureInfo.InvariantCulture)));
        root.Add(new XElement(s_svg + "g", new XAttribute("fill", "none"), new XAttribute("pointer-events", "all"), hints.Select(Circle)));
        return Write(root);
    }

    /// <summary>One place and one length for what Skia places letter by letter.</summary>
    private static void SetText(XElement text)
    {
        text.Value = text.Value.Trim();
        var (x, y) = (First(text, "x"), First(text, "y"));
        if (Translation().Match((string?)text.Attribute("transform") ?? "") is { Success: true } moved)
        {
            text.SetAttributeValue("transform", null);
            (x, y) = (x + Value(moved.Groups[1]), y + Value(moved.Groups[2]));
        }
        var size = float.Parse(text.Attribute("font-size")!.Value, CultureInfo.InvariantCulture);
        text.SetAttributeValue("x", Number(x));
        text.SetAttributeValue("y", Number(y));
        text.SetAttributeValue("textLength", Number(Ink.Width(text.Value, size, isBold: text.Attribute("font-weight") is not null)));
        text.SetAttributeValue("lengthAdjust", "spacingAndGlyphs");
        text.SetAttributeValue("font-family", null);

        static double Value(Group group) => double.Parse(group.Value, CultureInfo.InvariantCulture);

        static double First(XElement text, string name) => double.Parse(text.Attribute(name)!.Value.Split(',')[0], CultureInfo.InvariantCulture);
    }

    private static XElement Circle(Hint hint) => new(s_svg + "circle",
        new XAttribute("cx", Number(hint.X)), new XAttribute("cy", Number(hint.Y)), new XAttribute("r", 6), new XElement(s_svg + "title", hint.Text));

    private static string Write(XElement root)
    {
        var text = new StringBuilder();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true, Indent = true, IndentChars = "", NewLineChars = "\n" })) root.Save(writer);
        return text.Append('\n').ToString();
    }

    private static string Number(double value) => (Math.Round(value, 2) + 0.0).ToString("0.##", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"-?\d+\.\d+(e-?\d+)?")]
    private static partial Regex LongNumber();

    [GeneratedRegex(@"^translate\((\S+) (\S+)\)$")]
    private static partial Regex Translation();
}
