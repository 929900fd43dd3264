using PersonalizationBench.Core;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace PersonalizationBench.Data.Yaml;

/// <summary>
/// YAML to records with nothing let through: an unknown, doubled or missing key, a value of another type and a value out
/// of its range are errors that name file, line and key. A key in snake_case or kebab-case is the property in PascalCase;
/// a property that is not given keeps its default; <c>required</c> ones must be given. Ranges are
/// <see cref="System.ComponentModel.DataAnnotations"/> on the properties; what concerns several of them is the record's
/// <see cref="System.ComponentModel.DataAnnotations.IValidatableObject"/>.
/// </summary>
public static class StrictYaml
{
    private const string MergeKey = "<<";

    /// <summary>No study needs so many values, nor such a depth.</summary>
    private const int MostParts = 100_000, Deepest = 100;

    /// <summary>A whole file as one record.</summary>
    public static T ReadFile<T>(string path) => Bind<T>(ReadFile(path));

    /// <summary>A whole file, not yet bound.</summary>
    /// <exception cref="PbenchException">Missing, unreadable, or not one YAML document.</exception>
    public static YamlSection ReadFile(string path)
    {
        try
        {
            return Parse(System.IO.File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message;
            throw new PbenchException($"{path}: could not be read: {reason}", e);
        }
    }

    /// <summary>A text as one section; <paramref name="file"/> is named in errors.</summary>
    public static YamlSection Parse(string text, string file)
    {
        var stream = new YamlStream();
        try
        {
            RefuseWhatHasNoEnd(text, file);
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            const string doubled = "Duplicate key ";
            var reason = FirstLine(e);
            throw PbenchException.At(file, (int)e.Start.Line,
                reason.StartsWith(doubled, StringComparison.Ordinal) ? $"key '{reason[doubled.Length..]}' is given twice" : $"not valid YAML: {reason}", e);
        }
        return stream.Documents.Count switch
        {
            0 => throw PbenchException.At(file, 1, "the file is empty"),
            1 => new Tree(file).Section(stream.Documents[0].RootNode, ""),
            _ => throw PbenchException.At(file, (int)stream.Documents[1].RootNode.Start.Line, "a second document begins here; expected one"),
        };
    }

    /// <summary>A section as a record (or a scalar, list or dictionary).</summary>
    public static T Bind<T>(YamlSection section) => (T)Bind(typeof(T), section);

    /// <inheritdoc cref="Bind{T}"/>
    public static object Bind(Type type, YamlSection section) =>
        YamlBinder.Bind(type, section) ?? throw section.Error("expected a value, found nothing");

    /// <summary>The type of the property that a key names in a record; null where there is none.</summary>
    public static Type? MemberType(Type record, string key) => YamlMember.Of(record).FirstOrDefault(m => m.Name == YamlEntry.NameOf(key))?.Type;

    /// <summary>What a file may give of a record, in the order of declaration.</summary>
    public static IReadOnlyList<YamlMember> Members(Type record) => YamlMember.Of(record);

    /// <summary>True for the types that are written as a YAML list.</summary>
    public static bool IsList(Type type) => ItemOf(type) is not null;

    /// <summary>What a list holds; null for a type that is no list.</summary>
    public static Type? ItemOf(Type type) => YamlBinder.ListElement(type);

    /// <summary>An enumeration's members as a file writes them.</summary>
    public static IReadOnlyList<string> Words(Type enumeration) => [.. Enum.GetNames(enumeration).Select(YamlBinder.Word)];

    /// <summary>True for the types that are written as a YAML mapping of given keys.</summary>
    public static bool IsRecord(Type type) => YamlBinder.IsRecord(type);

    /// <summary>With aliases a document is a graph: one that stands within itself has no end as a tree.</summary>
    private static void RefuseWhatHasNoEnd(string text, string file)
    {
        var parser = new Parser(new StringReader(text));
        var open = new Stack<AnchorName>();
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case AnchorAlias alias when open.Contains(alias.Value):
                    throw PbenchException.At(file, (int)alias.Start.Line, $"'*{alias.Value}' stands within what it repeats");
                case MappingStart or SequenceStart:
                    open.Push(((NodeEvent)parser.Current).Anchor);
                    if (open.Count > Deepest) throw PbenchException.At(file, (int)parser.Current.Start.Line, $"more than {Deepest} lists and mappings within each other");
                    break;
                case MappingEnd or SequenceEnd:
                    open.Pop();
                    break;
            }
        }
    }

    /// <summary>A document as a tree, in which what an alias repeats stands as often as it does: of lists of lists, exponentially often.</summary>
    private sealed class Tree(string file)
    {
        private int _parts;

        public YamlSection Section(YamlNode node, string path)
        {
            var line = (int)node.Start.Line;
            if (++_parts > MostParts) throw PbenchException.At(file, line, $"{path}: more than {MostParts} values, those that aliases repeat among them");
            switch (node)
            {
                case YamlMappingNode mapping:
                    var entries = new List<YamlEntry>();
                    foreach (var (keyNode, value) in mapping.Children)
                    {
                        var keyLine = (int)keyNode.Start.Line;
                        if (keyNode is not YamlScalarNode { Value: { } key }) throw PbenchException.At(file, keyLine, "a key must be a plain word");
                        if (key == MergeKey) throw PbenchException.At(file, keyLine, $"'{MergeKey}', which merges mappings in YAML 1.1, is not read{In(path)}; write out what it would add");
                        if (entries.Any(e => e.Name == YamlEntry.NameOf(key))) throw PbenchException.At(file, keyLine, $"key '{key}' is given twice{In(path)}");
                        entries.Add(new YamlEntry(key, keyLine, Section(value, path.Length == 0 ? key : $"{path}.{key}")));
                    }
                    return new YamlSection(file, line, path, YamlKind.Mapping) { Entries = entries };
                case YamlSequenceNode list:
                    return new YamlSection(file, line, path, YamlKind.List) { Items = [.. list.Children.Select((item, i) => Section(item, $"{path}[{i}]"))] };
                case YamlScalarNode scalar:
                    var isQuoted = scalar.Style is not (ScalarStyle.Plain or ScalarStyle.Any);
                    return !isQuoted && scalar.Value is null or "" or "~" or "null"
                        ? new YamlSection(file, line, path, YamlKind.Empty)
                        : new YamlSection(file, line, path, YamlKind.Scalar) { Text = scalar.Value ?? "", IsQuoted = isQuoted };
                default:
                    throw PbenchException.At(file, line, $"{path}: expected a scalar, a list or a mapping");
            }
        }
    }

    internal static string In(string path) => path.Length == 0 ? "" : $" in {path}";

    private static string FirstLine(YamlException e)
    {
        var message = e.Message.Split('\n')[0].Trim();
        // YamlDotNet begins with "(Line: 1, Col: 2, Idx: 3) - ..."; the line is already said.
        var dash = message.StartsWith("(Line:", StringComparison.Ordinal) ? message.IndexOf(") - ", StringComparison.Ordinal) : -1;
        return dash < 0 ? message : message[(message.LastIndexOf(") - ", StringComparison.Ordinal) + 4)..];
    }
}
