using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Reference;

/// <summary>A JSON schema of study files (draft 7, which YAML editors read): <c>docs/study.schema.json</c>.</summary>
public static class StudySchema
{
    private static readonly JsonSerializerOptions s_writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true, IndentSize = 1, NewLine = "\n" };

    public static string Text(Vocabulary words)
    {
        var schema = Mapping(Vocabulary.Study, isGrid: false);
        schema.Insert(0, "$schema", "http://json-schema.org/draft-07/schema#");
        schema.Insert(1, "title", "A study of PersonalizationBench");
        var properties = schema["properties"]!.AsObject();
        Replace(properties, "dataset", Chosen("name", words.Datasets, new JsonObject()));
        Replace(properties, "strategies", new JsonObject { ["type"] = "array", ["minItems"] = 1, ["items"] = Chosen("type", words.Strategies, Beside()) });
        return schema.ToJsonString(s_writing) + "\n";
    }

    /// <summary>What any strategy may have.</summary>
    private static JsonObject Beside() => new()
    {
        ["control"] = new JsonObject { ["const"] = PlannedStrategy.WrongUser },
        ["tuned"] = new JsonObject { ["type"] = "string" },
        ["bases"] = new JsonObject { ["type"] = "array", ["minItems"] = 1, ["items"] = new JsonObject { ["type"] = "string" } },
    };

    private static void Replace(JsonObject properties, string key, JsonObject schema)
    {
        schema["description"] = properties[key]!["description"]!.DeepClone();
        properties[key] = schema;
    }

    /// <summary>A mapping whose other keys are those of what one of them names.</summary>
    private static JsonObject Chosen(string key, IReadOnlyList<Entry> entries, JsonObject beside) => new()
    {
        ["type"] = "object",
        ["required"] = new JsonArray(key),
        ["properties"] = new JsonObject { [key] = new JsonObject { ["enum"] = new JsonArray([.. entries.Select(e => (JsonNode)e.Word)]) } },
        ["allOf"] = new JsonArray([.. entries.Select(entry =>
        {
            var then = Mapping(entry.Settings, isGrid: true);
            var properties = then["properties"]!.AsObject();
            properties.Insert(0, key, new JsonObject { ["const"] = entry.Word, ["description"] = entry.Text });
            foreach (var (name, schema) in beside) properties[name] = schema!.DeepClone();
            return (JsonNode)new JsonObject { ["if"] = new JsonObject { ["properties"] = new JsonObject { [key] = new JsonObject { ["const"] = entry.Word } } }, ["then"] = then };
        })]),
    };

    /// <param name="isGrid">Whether a list may stand for a value.</param>
    private static JsonObject Mapping(IEnumerable<Setting> settings, bool isGrid)
    {
        var all = settings.ToList();
        var schema = new JsonObject { ["type"] = "object", ["additionalProperties"] = false };
        if (all.Exists(s => s.Default is null)) schema["required"] = new JsonArray([.. all.Where(s => s.Default is null).Select(s => (JsonNode)s.Member.Name)]);
        schema["properties"] = new JsonObject(all.Select(s => KeyValuePair.Create<string, JsonNode?>(s.Member.Name, Described(s, isGrid))));
        return schema;
    }

    private static JsonObject Described(Setting setting, bool isGrid)
    {
        var value = Value(setting.Member.Type, setting, isGrid);
        if (setting.Member.AllowsNull) value = new JsonObject { ["anyOf"] = new JsonArray(value, new JsonObject { ["type"] = "null" }) };
        if (isGrid) value = new JsonObject { ["anyOf"] = new JsonArray(value, new JsonObject { ["type"] = "array", ["minItems"] = 1, ["items"] = value.DeepClone() }) };
        value["description"] = setting.Text;
        return value;
    }

    private static JsonObject Value(Type type, Setting setting, bool isGrid)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying) return Value(underlying, setting, isGrid);
        if (type == typeof(YamlSection)) return [];
        if (StrictYaml.ItemOf(type) is { } item) return new JsonObject { ["type"] = "array", ["items"] = Value(item, setting, isGrid) };
        if (setting.Within.Count > 0) return Mapping(setting.Within, isGrid);
        if (type.IsEnum) return new JsonObject { ["enum"] = new JsonArray([.. StrictYaml.Words(type).Select(w => (JsonNode)w)]) };
        if (setting.Member.Rules.OfType<AllowedValuesAttribute>().FirstOrDefault() is { } allowed) return new JsonObject { ["enum"] = new JsonArray([.. allowed.Values.Select(v => (JsonNode)(string)v!)]) };
        var schema = new JsonObject { ["type"] = TypeOf(type) };
        if (setting.Member.Rules.OfType<RangeAttribute>().FirstOrDefault() is { } range) (schema["minimum"], schema["maximum"]) = (Number(range.Minimum), Number(range.Maximum));
        return schema;
    }

    private static JsonNode Number(object bound) => JsonValue.Create(Convert.ToDouble(bound, CultureInfo.InvariantCulture));

    /// <summary>A plain word that looks like a number is a text where one is expected, as the strict reader takes it.</summary>
    private static JsonNode TypeOf(Type type) =>
        type == typeof(bool) ? "boolean"
        : type == typeof(int) || type == typeof(long) ? "integer"
        : type == typeof(double) || type == typeof(float) ? "number"
        : type == typeof(string) || type == typeof(DateOnly) ? new JsonArray("string", "number")
        : "object";
}
