using System.Text.Json;
using PersonalizationBench.Reporting.Output;

namespace PersonalizationBench.Reporting;

/// <summary>Something that two runs did not have in common.</summary>
/// <param name="What">Such as <c>strategy lora r=8: learning_rate</c>.</param>
/// <param name="Before">Empty where the first run had no such thing.</param>
/// <param name="After">Empty likewise.</param>
public sealed record SettingDifference(string What, string Before, string After);

/// <summary>What changed between two runs, by their manifests: bases, data, settings, and what computed them.</summary>
public static class SettingDifferences
{
    private const int LongestValue = 32;

    private static readonly string[] s_own = ["precision", "device", "seeds", "latency_probes", "measurement_version", "controls_waived"];
    private static readonly string[] s_machine = ["git_commit", "processor", "cores", "operating_system", "dot_net", "libtorch"];

    /// <summary>In the order of the first manifest, then what only the second has. Empty where either has no manifest.</summary>
    public static IReadOnlyList<SettingDifference> Of(StudyResults before, StudyResults after)
    {
        if (before.Manifest is not { ValueKind: JsonValueKind.Object } first || after.Manifest is not { ValueKind: JsonValueKind.Object } second) return [];
        var (a, b) = (Flat(first), Flat(second));
        return
        [
            .. a.Keys.Union(b.Keys).Where(key => !a.TryGetValue(key, out var x) || !b.TryGetValue(key, out var y) || x != y)
                // Of what only one of them has, that it has it says all.
                .Where(key => Whole(key) is not { } whole || (a.ContainsKey(whole) && b.ContainsKey(whole)))
                .Select(key => new SettingDifference(key, Shown(a, key), Shown(b, key))),
        ];
    }

    public static Table Table(IReadOnlyList<SettingDifference> differences) =>
        new(["what", "before", "after"], [.. differences.Select(d => (IReadOnlyList<Field>)[d.What, d.Before, d.After])]);

    private static string? Whole(string key) => key.IndexOf(": ", StringComparison.Ordinal) is > 0 and var end && !key.StartsWith("machine", StringComparison.Ordinal) ? key[..end] : null;

    private static string Shown(Dictionary<string, string> manifest, string key) =>
        manifest.TryGetValue(key, out var value) ? value.Length == 0 ? "there" : value.Length <= LongestValue ? value : $"{value.AsSpan(0, LongestValue - 1)}…" : "–";

    private static Dictionary<string, string> Flat(JsonElement manifest)
    {
        var flat = new Dictionary<string, string>();
        foreach (var name in s_own)
            if (manifest.TryGetProperty(name, out var value)) flat[name] = Text(value);
        Each("bases", "base", b => Text(b.GetProperty("name")), b => Add($"base {Text(b.GetProperty("name"))}", b, ["digest"]));
        Each("datasets", "data set", d => Text(d.GetProperty("label")), d => Add($"data set {Text(d.GetProperty("label"))}", d, ["digest", "users", "probes", "settings"]));
        Each("strategies", "strategy", Label, s => Add($"strategy {Label(s)}", s, ["settings"]));
        if (manifest.TryGetProperty("invocations", out var runs) && runs.ValueKind == JsonValueKind.Array && runs.GetArrayLength() > 0 && runs[runs.GetArrayLength() - 1].TryGetProperty("environment", out var machine))
            Add("machine", machine, s_machine);
        return flat;

        void Each(string list, string what, Func<JsonElement, string> nameOf, Action<JsonElement> add)
        {
            if (!manifest.TryGetProperty(list, out var items) || items.ValueKind != JsonValueKind.Array) return;
            foreach (var item in items.EnumerateArray())
            {
                flat[$"{what} {nameOf(item)}"] = "";
                add(item);
            }
        }

        void Add(string prefix, JsonElement of, IReadOnlyList<string> names)
        {
            foreach (var name in names)
                if (of.TryGetProperty(name, out var value)) Put($"{prefix}: {(name == "settings" ? "" : name)}", value);
        }

        void Put(string key, JsonElement value)
        {
            if (value.ValueKind != JsonValueKind.Object) flat[key] = Text(value);
            else foreach (var property in value.EnumerateObject()) Put(key.EndsWith(' ') ? key + property.Name : $"{key}.{property.Name}", property.Value);
        }
    }

    private static string Label(JsonElement strategy) =>
        strategy.TryGetProperty("control", out var control) && Text(control) is { Length: > 0 } wrong ? $"{Text(strategy.GetProperty("label"))} ({wrong})" : Text(strategy.GetProperty("label"));

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.Null ? "none" : value.ToString();
}
