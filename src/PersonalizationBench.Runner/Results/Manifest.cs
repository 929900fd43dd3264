using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Results;

/// <summary>One run of a study that had something to measure.</summary>
/// <param name="Started">UTC, ISO 8601.</param>
/// <param name="Finished">UTC, ISO 8601; null while it runs, and for good where it was killed.</param>
/// <param name="Measured">Cells measured in it; null likewise.</param>
public sealed record Invocation(string CommandLine, DateTimeOffset Started, DateTimeOffset? Finished, int? Measured, RunEnvironment Environment);

/// <summary><c>manifest.json</c>: the study as resolved, and every run that measured some of it.</summary>
public static class Manifest
{
    public const string FileName = "manifest.json";
    private const int Schema = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        IndentSize = 2,
        NewLine = "\n",
    };

    /// <summary>Writes it, keeping the runs that stand in it already unless <paramref name="isFresh"/>. The run that stands
    /// last in it is replaced if it began at the same time: it is the same one, further on.</summary>
    public static void Write(string folder, StudyPlan plan, Invocation invocation, bool isFresh, FileWriter? write = null)
    {
        var path = Path.Combine(folder, Manifest.FileName);
        var invocations = isFresh ? [] : Earlier(path);
        var entry = JsonSerializer.SerializeToNode(invocation, Json)!;
        if (invocations.LastOrDefault()?["started"]?.ToJsonString() == entry["started"]!.ToJsonString()) invocations.RemoveAt(invocations.Count - 1);
        invocations.Add(entry);
        var text = Resolve(plan, invocations).ToJsonString(Json) + "\n";
        (write ?? AtomicFile.Write)(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
    }

    private static JsonObject Resolve(StudyPlan plan, JsonArray invocations)
    {
        var spec = plan.File.Spec;
        return new JsonObject
        {
            ["schema"] = Schema,
            ["study"] = plan.Name,
            ["hypothesis"] = spec.Hypothesis,
            ["file_sha256"] = plan.File.Digest,
            ["measurement_version"] = Measurement.Version,
            ["precision"] = spec.Precision.ToString().ToLowerInvariant(),
            ["device"] = spec.Device,
            ["seeds"] = JsonSerializer.SerializeToNode(spec.Seeds, Json),
            ["latency_probes"] = spec.LatencyProbes,
            ["memory"] = spec.Memory,
            ["controls_waived"] = spec.Controls.Waived,
            ["contrasts"] = JsonSerializer.SerializeToNode(spec.Contrasts, Json),
            ["bases"] = new JsonArray([.. plan.Bases.Select(b => JsonSerializer.SerializeToNode(b, Json))]),
            ["datasets"] = new JsonArray([.. plan.Datasets.Select(d => new JsonObject
            {
                ["label"] = d.Label,
                ["digest"] = d.Data.Digest,
                ["users"] = d.Data.Users.Count,
                ["probes"] = d.Data.Users.Sum(u => u.Probes.Count),
                ["settings"] = d.Settings.DeepClone(),
            })]),
            ["strategies"] = new JsonArray([.. plan.Strategies.Select(s => new JsonObject
            {
                ["label"] = s.Label,
                ["type"] = s.Type,
                ["control"] = s.Control,
                ["settings"] = JsonNode.Parse(s.Settings),
                ["tuned"] = JsonSerializer.SerializeToNode(s.Tuned, Json),
            })]),
            ["cells"] = new JsonArray([.. plan.Cells.Select(c => new JsonObject
            {
                ["key"] = c.Key,
                ["base"] = c.Base.Name,
                ["dataset"] = c.Dataset.Label,
                ["strategy"] = c.Strategy.FullLabel,
                ["seed"] = c.Seed,
            })]),
            ["invocations"] = invocations,
        };
    }

    private static JsonArray Earlier(string path)
    {
        if (!File.Exists(path)) return [];
        try
        {
            return JsonNode.Parse(File.ReadAllText(path))?["invocations"]?.DeepClone() as JsonArray ?? [];
        }
        catch (JsonException e)
        {
            throw new PbenchException($"{path}: is not a manifest: {e.Message}; delete it to go on without the record of earlier runs", e);
        }
    }
}
