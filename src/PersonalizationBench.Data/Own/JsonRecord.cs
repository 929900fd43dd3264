using System.Globalization;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Own;

/// <summary>A JSON object of which every key is known; what is wrong with it is told with its place and its key.</summary>
/// <param name="value">The object.</param>
/// <param name="place">Such as <c>users.jsonl:3</c>.</param>
internal sealed class JsonRecord(JsonElement value, string place)
{
    /// <summary>Throws where a key is not among <paramref name="keys"/>, and names the nearest one.</summary>
    public JsonRecord Only(IReadOnlyList<string> keys)
    {
        if (value.ValueKind != JsonValueKind.Object) throw new PbenchException($"{place}: expected a JSON object, found {value.ValueKind.ToString().ToLowerInvariant()}");
        foreach (var key in value.EnumerateObject().Select(p => p.Name).Where(k => !keys.Contains(k)))
        {
            var nearest = NearestWord.Find(key, keys);
            throw Error($"unknown key '{key}'; {(nearest is null ? $"expected some of {string.Join(", ", keys)}" : $"did you mean '{nearest}'?")}");
        }
        return this;
    }

    public bool Has(string key) => value.TryGetProperty(key, out var found) && found.ValueKind != JsonValueKind.Null;

    /// <summary>A text with something in it.</summary>
    public string Required(string key) => Text(key) ?? throw Error($"key '{key}' is missing");

    /// <summary>A text with something in it; null where the key is not given.</summary>
    public string? Text(string key)
    {
        if (!Has(key)) return null;
        var text = StrictJson.String(value.GetProperty(key), place, key);
        return string.IsNullOrWhiteSpace(text) ? throw Error($"{key}: expected some text, found none") : text;
    }

    /// <summary>A text as it stands, empty where it is.</summary>
    public string Any(string key) => Has(key) ? StrictJson.String(value.GetProperty(key), place, key) : throw Error($"key '{key}' is missing");

    /// <summary>A text or a number, as a text.</summary>
    public string TextOrNumber(string key) => Has(key) && value.GetProperty(key) is { ValueKind: JsonValueKind.Number } number ? number.GetRawText() : Required(key);

    /// <summary>Texts, each with something in it and none twice; empty where the key is not given.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        if (!Has(key)) return [];
        var texts = StrictJson.Array(value.GetProperty(key), place, key).EnumerateArray().Select((item, i) => StrictJson.String(item, place, $"{key}[{i}]")).ToList();
        if (texts.FindIndex(string.IsNullOrWhiteSpace) is >= 0 and var empty) throw Error($"{key}[{empty}]: expected some text, found none");
        if (texts.GroupBy(t => t).FirstOrDefault(g => g.Count() > 1)?.Key is { } twice) throw Error($"{key}: '{twice}' stands twice");
        return texts;
    }

    public int? Whole(string key) => Has(key) ? StrictJson.Int(value.GetProperty(key), place, key) : null;

    /// <summary>One of some words; null where the key is not given.</summary>
    public string? Word(string key, IReadOnlyList<string> words)
    {
        if (Text(key) is not { } word || words.Contains(word)) return Text(key);
        var nearest = NearestWord.Find(word, words);
        throw Error($"{key}: unknown value '{word}'; {(nearest is null ? $"expected one of {string.Join(", ", words)}" : $"did you mean '{nearest}'?")}");
    }

    public DateOnly? Date(string key)
    {
        if (Text(key) is not { } text) return null;
        return DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date
            : throw Error($"{key}: expected a date such as 2026-03-01, found '{text}'");
    }

    /// <summary>The objects of a list.</summary>
    public IReadOnlyList<JsonRecord> Records(string key) =>
        [.. Items(key).Select((item, i) => new JsonRecord(StrictJson.Object(item, place, $"{key}[{i}]"), $"{place}: {key}[{i}]"))];

    public IEnumerable<JsonElement> Items(string key) => Has(key) ? StrictJson.Array(value.GetProperty(key), place, key).EnumerateArray() : throw Error($"key '{key}' is missing");

    public PbenchException Error(string message) => new($"{place}: {message}");

    /// <summary>The objects of a file that is one JSON list, such as <c>questions.json: [3]</c>.</summary>
    public static IReadOnlyList<JsonRecord> List(JsonElement list, string file) => list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Select((item, i) => new JsonRecord(item, $"{file}: [{i}]"))]
        : throw new PbenchException($"{file}: expected a JSON list, found {list.ValueKind.ToString().ToLowerInvariant()}");
}
