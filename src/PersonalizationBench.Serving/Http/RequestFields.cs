using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>
/// The fields of a request's JSON object. What is read is checked; what is left in the end is refused by name, with the nearest known
/// one: a misspelt field must not silently do nothing.
/// </summary>
internal sealed class RequestFields
{
    private readonly Dictionary<string, JsonElement> _left = [];
    private readonly HashSet<string> _known = [];

    public RequestFields(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object) throw ApiException.Invalid($"expected a JSON object, found {Say(body)}");
        foreach (var property in body.EnumerateObject())
            if (!_left.TryAdd(property.Name, property.Value)) throw ApiException.Invalid($"{property.Name}: given twice", property.Name);
    }

    /// <summary>Null where it is absent or null.</summary>
    public JsonElement? Take(string name)
    {
        _known.Add(name);
        return _left.Remove(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public string? Text(string name) => Take(name) is not { } value ? null : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(name, "a string", value);

    public string RequiredText(string name) => Text(name) ?? throw ApiException.Invalid($"{name}: missing", name);

    public bool Flag(string name) => Take(name) is { } value && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, "true or false", value),
    };

    public long? Integer(string name, long smallest, long largest)
    {
        if (Take(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= smallest && number <= largest
            ? number
            : throw Wrong(name, FormattableString.Invariant($"a whole number from {smallest} to {largest}"), value);
    }

    public double? Number(string name, double smallest, double largest)
    {
        if (Take(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= smallest && number <= largest
            ? number
            : throw Wrong(name, FormattableString.Invariant($"a number from {smallest} to {largest}"), value);
    }

    /// <summary>A string, or an array of them.</summary>
    public IReadOnlyList<string> Texts(string name)
    {
        if (Take(name) is not { } value) return [];
        return value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array when value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String) => [.. value.EnumerateArray().Select(v => v.GetString()!)],
            _ => throw Wrong(name, "a string or an array of strings", value),
        };
    }

    /// <summary>A field of the interface that only its default is supported of.</summary>
    public void OnlyDefault(string name, Func<JsonElement, bool> isDefault)
    {
        if (Take(name) is { } value && !isDefault(value)) throw ApiException.Invalid($"{name}: {Say(value)} is not supported", name);
    }

    /// <summary>Refuses what nobody took.</summary>
    public void Finish()
    {
        if (_left.Count == 0) return;
        var name = _left.Keys.First();
        var nearest = NearestWord.Find(name, _known);
        throw ApiException.Invalid($"{PolicyId.Quote(name)}: unknown field{(nearest is null ? "" : $"; did you mean '{nearest}'?")}", name);
    }

    public static ApiException Wrong(string name, string expected, JsonElement found) => ApiException.Invalid($"{name}: expected {expected}, found {Say(found)}", name);

    private static string Say(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= 60 ? text : text[..60] + "...";
    }
}
