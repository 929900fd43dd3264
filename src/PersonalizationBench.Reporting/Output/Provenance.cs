using System.Text.Json;

namespace PersonalizationBench.Reporting.Output;

/// <summary>Where the results come from, from <c>manifest.json</c> and the rows themselves.</summary>
public static class Provenance
{
    public static string? Hypothesis(StudyResults results) => Text(results.Manifest, "hypothesis");

    /// <summary>Names and values, as far as they are known.</summary>
    public static IReadOnlyList<(string Name, string Value)> Of(StudyResults results)
    {
        var rows = new List<(string, string?)>();
        if (results.Manifest is { ValueKind: JsonValueKind.Object } manifest)
        {
            rows.Add(("study file, SHA-256", Text(manifest, "file_sha256")));
            foreach (var run in Invocations(results))
            {
                rows.Add(("command", Text(run, "command_line")));
                rows.Add(("ran", $"{Text(run, "started")} to {Text(run, "finished")}, {Text(run, "measured")} cells"));
                if (!run.TryGetProperty("environment", out var machine)) continue;
                rows.Add(("commit", Text(machine, "git_commit")));
                rows.Add(("machine", $"{Text(machine, "processor")}, {Text(machine, "cores")} cores, {Memory(machine)}, {Text(machine, "operating_system")}"));
                rows.Add(("software", $"{Text(machine, "dot_net")}, {Text(machine, "libtorch")}"));
            }
        }
        else
        {
            rows.Add(("manifest.json", "missing: command, commit and machine are not known"));
        }
        rows.AddRange(results.Runs.Where(r => r.BaseDigest != "").Select(r => ($"base {r.Base}, SHA-256", (string?)r.BaseDigest)).Distinct());
        rows.AddRange(results.Runs.Where(r => r.DatasetDigest != "").Select(r => ($"dataset {r.Dataset}, SHA-256", (string?)r.DatasetDigest)).Distinct());
        rows.AddRange(results.Runs.Where(r => r.Precision != "").Select(r => ("precision, device", (string?)$"{r.Precision}, {r.Device}")).Distinct());
        rows.AddRange(results.Machines.Select((machine, i) => (results.Machines.Count > 1 ? FormattableString.Invariant($"measured by, {i + 1}") : "measured by", (string?)machine)));
        rows.Add(("cells", $"{results.Runs.Count}, of which {results.Failed.Count} not measured"));
        return [.. rows.Where(r => !string.IsNullOrWhiteSpace(r.Item2)).Select(r => (r.Item1, r.Item2!))];
    }

    /// <summary>Commit, machine, threads, engine and duration in a line each; what is not known is left out.</summary>
    public static IReadOnlyList<string> Brief(StudyResults results)
    {
        var lines = new List<string>();
        foreach (var run in Invocations(results))
        {
            var machine = run.TryGetProperty("environment", out var environment) ? environment : default(JsonElement?);
            var seconds = DateTimeOffset.TryParse(Text(run, "started"), out var started) && DateTimeOffset.TryParse(Text(run, "finished"), out var finished) ? $"{Format.Number((finished - started).TotalSeconds)} s" : "not finished";
            lines.Add($"{Text(run, "measured") ?? "?"} cells in {seconds}, {Text(run, "started")?[..10]}, commit {Commit(Text(machine, "git_commit"))}, {Text(machine, "cores")} cores");
        }
        return [.. lines, .. results.Machines];
    }

    private static string Commit(string? commit) => commit is null ? "unknown" : commit.Length > 12 ? commit[..12] + (commit.EndsWith("-dirty", StringComparison.Ordinal) ? " with changes" : "") : commit;

    private static IEnumerable<JsonElement> Invocations(StudyResults results) =>
        results.Manifest is { ValueKind: JsonValueKind.Object } manifest && manifest.TryGetProperty("invocations", out var invocations) && invocations.ValueKind == JsonValueKind.Array ? invocations.EnumerateArray() : [];

    private static string Memory(JsonElement machine) =>
        machine.TryGetProperty("memory_bytes", out var bytes) && bytes.TryGetDouble(out var value) ? Format.Bytes(value) : "";

    private static string? Text(JsonElement? parent, string name) =>
        parent is { ValueKind: JsonValueKind.Object } p && p.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.ToString() : null;
}
