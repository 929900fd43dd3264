using System.Text.Json.Nodes;

namespace PersonalizationBench.Runner.Studies;

/// <summary>Short names for points of a grid: a type and those of its settings that differ between its points.</summary>
public static class Labels
{
    /// <summary>Settings that the field writes with a letter or two.</summary>
    private static readonly Dictionary<string, string> Short = new() { ["rank"] = "r", ["learning_rate"] = "lr", ["target_modules"] = "modules" };

    /// <summary>One label per point, such as <c>lora r=8</c>; where all points of a type agree, its name alone. What differs from base to
    /// base only, such as a learning rate chosen for each, is no part of it.</summary>
    /// <param name="points">Type and resolved settings of every point, and what it runs on.</param>
    /// <param name="order">A type's settings in the order of their declaration.</param>
    public static IReadOnlyList<string> For(IReadOnlyList<(string Type, JsonObject Settings, IReadOnlyList<string> Bases)> points, Func<string, IEnumerable<string>> order)
    {
        var varying = points.GroupBy(p => p.Type).ToDictionary(g => g.Key, g => order(g.Key)
            .Where(name => g.SelectMany(p => p.Bases, (p, on) => (On: on, Value: p.Settings[name]?.ToJsonString() ?? "null"))
                .GroupBy(v => v.On).Any(on => on.Select(v => v.Value).Distinct().Count() > 1)).ToList());
        return [.. points.Select(p => string.Join(' ', varying[p.Type].Select(name => $"{Short.GetValueOrDefault(name, name)}={Value(p.Settings[name])}").Prepend(p.Type)))];
    }

    private static string Value(JsonNode? value) => value switch
    {
        null => "none",
        JsonArray items => string.Join('+', items.Select(Value)),
        JsonObject o => $"({string.Join(' ', o.Select(p => $"{p.Key}={Value(p.Value)}"))})",
        _ => value.ToString(),
    };
}
