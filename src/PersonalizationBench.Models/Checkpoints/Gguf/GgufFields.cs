using System.Globalization;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>The keys of a GGUF file that begin alike, each asked for by name: what nobody asked for may change the result, and is refused.</summary>
/// <param name="prefix">Such as <c>llama.</c></param>
internal sealed class GgufFields(IReadOnlyDictionary<string, object> metadata, string prefix, string source)
{
    private readonly HashSet<string> _asked = [];

    public long Whole(string key, long? otherwise = null) => Take(key) switch
    {
        null => otherwise ?? throw Missing(key),
        long value => value,
        var other => throw Unexpected(key, "a whole number", other),
    };

    public int Int(string key, int? otherwise = null)
    {
        var value = Whole(key, otherwise);
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Unexpected(key, "a whole number of 32 bits", value);
    }

    public double Number(string key, double? otherwise = null) => Take(key) switch
    {
        null => otherwise ?? throw Missing(key),
        double value => value,
        long value => value,
        var other => throw Unexpected(key, "a number", other),
    };

    public bool? Flag(string key) => Take(key) switch
    {
        null => null,
        bool value => value,
        var other => throw Unexpected(key, "true or false", other),
    };

    public string? Text(string key) => Take(key) switch
    {
        null => null,
        string value => value,
        var other => throw Unexpected(key, "a text", other),
    };

    /// <summary>Empty where there is none.</summary>
    public IReadOnlyList<string> Texts(string key) => Take(key) switch
    {
        null => [],
        string[] values => values,
        var other => throw Unexpected(key, "texts", other),
    };

    /// <summary>Empty where there is none.</summary>
    public IReadOnlyList<int> Ints(string key) => Take(key) switch
    {
        null => [],
        long[] values when Array.TrueForAll(values, v => v is >= int.MinValue and <= int.MaxValue) => [.. values.Select(v => (int)v)],
        var other => throw Unexpected(key, "whole numbers of 32 bits", other),
    };

    /// <summary>Refuses what was not asked for, unless it says no or nothing.</summary>
    public void RequireNothingElse()
    {
        foreach (var (key, value) in metadata)
        {
            if (!key.StartsWith(prefix, StringComparison.Ordinal) || _asked.Contains(key) || value is false or 0L or 0.0 or "") continue;
            throw new PbenchException($"{source}: {key} {Shown(value)} is not known here and may change the result");
        }
    }

    private object? Take(string key)
    {
        _asked.Add(prefix + key);
        return metadata.GetValueOrDefault(prefix + key);
    }

    private PbenchException Missing(string key) => new($"{source}: {prefix}{key} is missing");

    private PbenchException Unexpected(string key, string expected, object found) => new($"{source}: {prefix}{key}: expected {expected}, found {Shown(found)}");

    private static string Shown(object value) =>
        value is Array array ? $"an array of {array.Length}" : Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: <= 60 } text ? text : "a long text";
}
