using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace PersonalizationBench.Core;

/// <summary>
/// One text for one value: snake-case names sorted by ordinal, no spaces, enumerations by name, doubles in their shortest
/// form that reads back. Keys of cells are digests of it, so it must never change.
/// </summary>
public static class CanonicalJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary>A settings record as a tree with sorted names.</summary>
    public static JsonNode Of(object value) => Sorted(JsonSerializer.SerializeToNode(value, value.GetType(), Options))!;

    public static string Write(JsonNode node) => Sorted(node)!.ToJsonString(Options);

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
