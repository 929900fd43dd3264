using System.Text.Json;

namespace PersonalizationBench.Reporting.Output;

/// <summary>A report's first line: whose settings were chosen with which budget, and whose were not.</summary>
public static class TuningLine
{
    /// <summary>What has no settings to choose.</summary>
    private static readonly string[] s_settled = ["none", "majority", "oracle"];

    public static string Of(StudyResults results)
    {
        var strategies = results.Manifest is { ValueKind: JsonValueKind.Object } manifest && manifest.TryGetProperty("strategies", out var all) && all.ValueKind == JsonValueKind.Array ? all.EnumerateArray().ToList() : [];
        var tuned = strategies.Select(s => (Type: Text(s, "type"), Tuned: s.TryGetProperty("tuned", out var t) && t.ValueKind == JsonValueKind.Object ? t : (JsonElement?)null)).ToList();
        var families = tuned.Where(t => t.Tuned is not null)
            .Select(t => (Family: Text(t.Tuned!.Value, "family"), Budget: $"{Text(t.Tuned!.Value, "configurations")} configurations x {Text(t.Tuned!.Value, "seeds")} seeds", On: $"on {Text(t.Tuned!.Value, "users")} tuning users by {Text(t.Tuned!.Value, "objective")}"))
            .Distinct().GroupBy(t => (t.Budget, t.On)).Select(g => $"{string.Join(", ", g.Select(t => t.Family).Distinct())} ({g.Key.Budget} each, {g.Key.On})").ToList();
        // A manifest of an earlier version, or none, tells of no tuning.
        var untuned = (tuned.Count > 0 ? tuned.Where(t => t.Tuned is null).Select(t => t.Type) : results.Runs.Select(r => r.Strategy)).Where(t => !s_settled.Contains(t)).Distinct().ToList();
        return string.Join(" ", [
            .. families.Count > 0 ? [$"Tuned: {string.Join("; ", families)}."] : Array.Empty<string>(),
            .. untuned.Count > 0 ? [$"Untuned, their settings not chosen with the same budget as others': {string.Join(", ", untuned)}."] : Array.Empty<string>(),
            .. families.Count + untuned.Count == 0 ? ["There was nothing to tune."] : Array.Empty<string>(),
        ]);
    }

    private static string Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) ? value.ToString() : "";
}
