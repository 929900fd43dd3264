using System.Collections.Concurrent;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Reference;

/// <summary>The summaries that stand above types and members in the source, as the compiler wrote them beside the assembly: what explains a
/// setting to whoever reads the code explains it to whoever uses it.</summary>
public static class DocComments
{
    private static readonly ConcurrentDictionary<Assembly, IReadOnlyDictionary<string, XElement>> s_known = new();

    public static string Of(Type type) => Summary(type.Assembly, $"T:{NameOf(type)}");

    /// <summary>Of a property, or of the parameter that it is in a positional record.</summary>
    public static string Of(PropertyInfo property)
    {
        var type = property.DeclaringType!;
        var summary = Summary(type.Assembly, $"P:{NameOf(type)}.{property.Name}");
        return summary.Length > 0 ? summary : Text(Find(type.Assembly, $"T:{NameOf(type)}")?.Elements("param").FirstOrDefault(p => p.Attribute("name")?.Value == property.Name));
    }

    public static string Of(FieldInfo field) => Summary(field.DeclaringType!.Assembly, $"F:{NameOf(field.DeclaringType!)}.{field.Name}");

    private static string Summary(Assembly assembly, string id) => Text(Find(assembly, id)?.Element("summary"));

    private static XElement? Find(Assembly assembly, string id) => s_known.GetOrAdd(assembly, Read).GetValueOrDefault(id);

    private static string NameOf(Type type) => type.FullName!.Replace('+', '.');

    private static IReadOnlyDictionary<string, XElement> Read(Assembly assembly)
    {
        var path = Path.ChangeExtension(assembly.Location, ".xml");
        if (!File.Exists(path)) return new Dictionary<string, XElement>(); // somebody's who documents nothing
        try
        {
            return XDocument.Load(path).Descendants("member").ToDictionary(m => m.Attribute("name")!.Value);
        }
        catch (Exception e) when (e is IOException or XmlException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }

    /// <summary>One line: code between backticks, names as a study file writes them.</summary>
    private static string Text(XElement? element)
    {
        if (element is null) return "";
        var text = new StringBuilder();
        foreach (var node in element.Nodes())
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
                XElement { Name.LocalName: "see" or "paramref" or "seealso" } reference => $"`{Referred(reference)}`",
                XElement other => Text(other),
                _ => "",
            });
        }
        return string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Referred(XElement reference)
    {
        var name = reference.Attribute("cref")?.Value ?? reference.Attribute("langword")?.Value ?? reference.Attribute("name")!.Value;
        var last = name.Split('(')[0].Split('.')[^1];
        return name.StartsWith("P:", StringComparison.Ordinal) ? JsonNamingPolicy.SnakeCaseLower.ConvertName(last) : last;
    }
}
