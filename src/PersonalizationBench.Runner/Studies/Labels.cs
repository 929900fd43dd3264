using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Runner.Studies;

/// <summary>Short names for points of a grid: a type and those of its settings that tell its points apart.</summary>
public static class Labels
{
    /// <summary>Settings that the field writes with a letter or two.</summary>
    private static readonly Dictionary<string, string> Short = new() { ["rank"] = "r", ["learning_rate"] = "lr", ["target_modules"] = "modules" };

    /// <summary>How something is trained, not what: no part of a label where the rest of it says as much, as where each arm has the rate that
    /// was chosen for it.</summary>
    private static readonly string[] Tuned = ["learning_rate", "epochs", "steps", "batch", "alpha", "weight_decay"];

    /// <summary>One label per point, such as <c>lora r=8</c>; where all points of a type agree, its name alone. What differs from base to
    /// base only, such as a learning rate chosen for each, is no part of it. Settings within a setting are named where they are not their
    /// defaults, the first of them, which says of what kind it is, without its key: <c>lora r=8 self-study anticipated=0.5</c>.</summary>
    /// <param name="points">Type and resolved settings of every point, and what it runs on.</param>
    /// <param name="optionsOf">The record that a type's settings are.</param>
    public static IReadOnlyList<string> For(IReadOnlyList<(string Type, JsonObject Settings, IReadOnlyList<string> Bases)> points, Func<string, Type> optionsOf)
    {
        var named = points.GroupBy(p => p.Type).ToDictionary(g => g.Key, g => Named(Setting.Of(optionsOf(g.Key)), [.. g.Select(p => (p.Settings, p.Bases))]));
        return [.. points.Select(p => string.Join(' ', named[p.Type].Select(s => s.Write(p.Settings)).OfType<string>().Prepend(p.Type)))];
    }

    private static List<Setting> Named(IReadOnlyList<Setting> settings, IReadOnlyList<(JsonObject Settings, IReadOnlyList<string> Bases)> points)
    {
        var named = settings.Where(s => Distinct([s]) > 1 || (s.IsKind && points.Any(p => s.Json(p.Settings) != s.Default))).ToList();
        foreach (var tuned in named.Where(s => Tuned.Contains(s.Key)).ToList())
        {
            var others = named.Where(s => s != tuned).ToList();
            if (Distinct(others) == Distinct(named)) named = others;
        }
        return named;

        // The most points that these settings tell apart on one base.
        int Distinct(IReadOnlyList<Setting> by) => points.SelectMany(p => p.Bases, (p, on) => (On: on, Values: string.Join('\n', by.Select(s => s.Json(p.Settings)))))
            .GroupBy(v => v.On).Max(on => on.Select(v => v.Values).Distinct().Count());
    }

    /// <summary>A setting, or one within a setting.</summary>
    /// <param name="Path">Its keys, from without.</param>
    /// <param name="Default">As JSON.</param>
    /// <param name="IsKind">The first within a setting.</param>
    private sealed record Setting(IReadOnlyList<string> Path, string Default, bool IsKind)
    {
        public string Key => Path[^1];

        public static IReadOnlyList<Setting> Of(Type options) => [.. Of(options, CanonicalJson.Of(Activator.CreateInstance(options)!).AsObject(), [])];

        private static IEnumerable<Setting> Of(Type options, JsonObject defaults, IReadOnlyList<string> path) =>
            options.GetProperties().Where(p => p.SetMethod is { IsPublic: true }).OrderBy(p => p.MetadataToken).SelectMany((property, i) =>
            {
                IReadOnlyList<string> here = [.. path, JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)];
                return StrictYaml.IsRecord(property.PropertyType) && defaults[here[^1]] is JsonObject within
                    ? Of(property.PropertyType, within, here)
                    : [new Setting(here, Text(defaults[here[^1]]), path.Count > 0 && i == 0)];
            });

        public string Json(JsonObject settings) => Text(Find(settings));

        /// <summary>Its part of a label; null where it is not named.</summary>
        public string? Write(JsonObject settings) => Path.Count > 1 && !IsKind && Json(settings) == Default ? null
            : IsKind ? Value(Find(settings))
            : $"{Short.GetValueOrDefault(Key, Key)}={Value(Find(settings))}";

        private JsonNode? Find(JsonObject settings) => Path.Aggregate((JsonNode?)settings, (node, key) => node?[key]);

        private static string Text(JsonNode? value) => value?.ToJsonString() ?? "null";
    }

    private static string Value(JsonNode? value) => value switch
    {
        null => "none",
        JsonArray items => string.Join('+', items.Select(Value)),
        JsonObject o => $"({string.Join(' ', o.Select(p => $"{p.Key}={Value(p.Value)}"))})",
        _ => value.ToString(),
    };
}
