using System.Text.Json;

namespace PersonalizationBench.Core;

/// <summary>JSON read without leniency: no comments, no trailing commas, no key twice; every failure names the source.</summary>
public static class StrictJson
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    /// <summary>Parses <paramref name="utf8"/> and hands the root object to <paramref name="read"/>. Whatever is wrong with the
    /// JSON itself (also inside <paramref name="read"/>: ill-formed UTF-8 or escapes) becomes a <see cref="PbenchException"/>.</summary>
    public static T Read<T>(ReadOnlyMemory<byte> utf8, string source, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8, Options);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new PbenchException($"{source}: expected a JSON object, found {Describe(document.RootElement)}");
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new PbenchException($"{source}: not valid JSON: {e.Message}", e);
        }
    }

    public static string String(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Unexpected(value, source, key, "a string");

    public static int Int(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : throw Unexpected(value, source, key, "a whole number");

    public static long Long(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : throw Unexpected(value, source, key, "a whole number");

    public static JsonElement Array(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.Array ? value : throw Unexpected(value, source, key, "an array");

    public static JsonElement Object(JsonElement value, string source, string key) =>
        value.ValueKind == JsonValueKind.Object ? value : throw Unexpected(value, source, key, "an object");

    public static PbenchException Unexpected(JsonElement value, string source, string key, string expected) =>
        new($"{source}: {key}: expected {expected}, found {Describe(value)}");

    private static string Describe(JsonElement value)
    {
        var raw = value.GetRawText();
        return raw.Length <= 60 ? raw : $"{raw.AsSpan(0, 57)}...";
    }
}
