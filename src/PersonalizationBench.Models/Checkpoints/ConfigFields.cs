using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>The fields of a <c>config.json</c>, each asked for by name: what nobody asked for and is not known to be without
/// effect is refused, since it might change the result.</summary>
internal sealed class ConfigFields(JsonElement root, string source, string path = "")
{
    private readonly Dictionary<string, JsonElement> _left = root.EnumerateObject().ToDictionary(p => p.Name, p => p.Value);

    public PbenchException Error(string key, string expected, JsonElement found) => StrictJson.Unexpected(found, source, path + key, expected);

    public PbenchException Error(string key, string expected, string found) => new($"{source}: {path}{key}: expected {expected}, found {found}");

    /// <summary>Null where the field is missing or null.</summary>
    public JsonElement? Take(string key) => _left.Remove(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public bool Has(string key) => _left.ContainsKey(key);

    public int Int(string key, int? otherwise = null) => Take(key) is { } value ? StrictJson.Int(value, source, path + key) : otherwise ?? throw Missing(key);

    public double Number(string key, double? otherwise = null) => Take(key) switch
    {
        null => otherwise ?? throw Missing(key),
        { } value => Double(key, value),
    };

    /// <summary>Null where the field is missing or null.</summary>
    public double[]? Numbers(string key) => Take(key) is { } value ? [.. StrictJson.Array(value, source, path + key).EnumerateArray().Select(v => Double(key, v))] : null;

    /// <summary>Infinity and the like as a text, or as transformers 5 writes it: <c>{"__float__": "Infinity"}</c>.</summary>
    private double Double(string key, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number) return value.GetDouble();
        var text = value.ValueKind == JsonValueKind.Object && value.EnumerateObject().Count() == 1 && value.TryGetProperty("__float__", out var inner) ? inner : value;
        return (text.ValueKind == JsonValueKind.String ? text.GetString() : null) switch
        {
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            "NaN" => double.NaN,
            _ => throw Error(key, "a number", value),
        };
    }

    public bool Flag(string key, bool otherwise) => Take(key) switch
    {
        null => otherwise,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Error(key, "true or false", value),
    };

    public string Text(string key, string otherwise) => Take(key) is { } value ? StrictJson.String(value, source, path + key) : otherwise;

    /// <summary>One of the texts that have a meaning here.</summary>
    public T OneOf<T>(string key, string otherwise, params (string Text, T Meaning)[] known)
    {
        var text = Text(key, otherwise);
        foreach (var (candidate, meaning) in known)
            if (candidate == text) return meaning;
        throw new PbenchException($"{source}: {path}{key} '{text}' is not supported; expected {string.Join(" or ", known.Select(k => $"'{k.Text}'"))}");
    }

    /// <summary>An object's own fields; null where there is none.</summary>
    public ConfigFields? Object(string key) => Take(key) is { } value ? new ConfigFields(StrictJson.Object(value, source, path + key), source, $"{path}{key}.") : null;

    /// <summary>Refuses what is left, unless it is null, false or <paramref name="inert"/>.</summary>
    public void RequireNothingElse(Func<string, bool> inert)
    {
        foreach (var (key, value) in _left)
        {
            if (value.ValueKind is JsonValueKind.Null or JsonValueKind.False || inert(key)) continue;
            throw new PbenchException($"{source}: {path}{key} {value.GetRawText()} is not known here and may change the result; remove it if it does not");
        }
    }

    public PbenchException Missing(string key) => new($"{source}: {path}{key} is missing");
}
