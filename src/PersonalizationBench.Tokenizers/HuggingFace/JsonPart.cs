using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>
/// A value of a JSON file that knows where it stands, so that every error names file and path; an object also knows which of
/// its keys were asked for, and <see cref="Done"/> refuses the others: a key that is not known could change the result.
/// </summary>
internal sealed class JsonPart(JsonElement element, string source, string path)
{
    private readonly HashSet<string> _asked = [];

    public JsonElement Element => element;

    public string Source => source;

    public string Path => path;

    public static JsonPart Root(JsonElement element, string source) => new(element, source, "");

    public PbenchException Error(string message) => new(path.Length == 0 ? $"{source}: {message}" : $"{source}: {path}: {message}");

    /// <summary>The value of a key; null where it is missing or JSON's null.</summary>
    public JsonPart? Optional(string key)
    {
        _asked.Add(key);
        StrictJson.Object(element, source, path);
        return element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? new JsonPart(value, source, path.Length == 0 ? key : $"{path}.{key}") : null;
    }

    /// <summary>Whether a key is there, which does not count as asking for it.</summary>
    public bool Has(string key) => StrictJson.Object(element, source, path).TryGetProperty(key, out _);

    public JsonPart Required(string key) => Optional(key) ?? throw Error($"{key} is missing");

    public string String() => StrictJson.String(element, source, path);

    public int Int() => StrictJson.Int(element, source, path);

    public double Number() => element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) && double.IsFinite(number)
        ? number : throw StrictJson.Unexpected(element, source, path, "a finite number");

    public bool Bool() => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw StrictJson.Unexpected(element, source, path, "true or false"),
    };

    public bool Bool(string key, bool otherwise) => Optional(key)?.Bool() ?? otherwise;

    public JsonPart[] Items() => [.. StrictJson.Array(element, source, path).EnumerateArray().Select((item, i) => new JsonPart(item, source, $"{path}[{i}]"))];

    public IEnumerable<(string Key, JsonPart Value)> Properties() =>
        StrictJson.Object(element, source, path).EnumerateObject().Select(p => (p.Name, new JsonPart(p.Value, source, $"{path}[\"{p.Name}\"]")));

    /// <summary>Asks for keys that are allowed and change no ids.</summary>
    public JsonPart Ignoring(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys) _asked.Add(key);
        return this;
    }

    /// <summary>The given value, once every key of this object has been asked for.</summary>
    public T Done<T>(T result)
    {
        foreach (var property in StrictJson.Object(element, source, path).EnumerateObject())
            if (!_asked.Contains(property.Name)) throw Error($"unknown key '{property.Name}'; expected {string.Join(", ", _asked.Order(StringComparer.Ordinal))}");
        return result;
    }

    /// <summary>One character (a code point) as a string.</summary>
    public string Character()
    {
        var text = String();
        return text.EnumerateRunes().Count() == 1 ? text : throw StrictJson.Unexpected(element, source, path, "one character");
    }

    /// <summary>The <c>type</c> of this object, which has to be one of <paramref name="known"/>'s keys; what is behind that key reads the rest.</summary>
    /// <param name="untyped">The type of an object that gives none; null where it has to give one.</param>
    public T ReadByType<T>(IReadOnlyDictionary<string, Func<JsonPart, T>> known, string? untyped = null)
    {
        var type = Optional("type")?.String() ?? untyped ?? throw Error("type is missing");
        if (!known.TryGetValue(type, out var read)) throw Error($"type '{type}' is not read; expected {string.Join(", ", known.Keys.Order(StringComparer.Ordinal))}");
        return Done(read(this));
    }
}
