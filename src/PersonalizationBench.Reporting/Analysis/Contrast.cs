using System.Text.Json;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Reporting.Analysis;

/// <summary>A comparison that the study declared before it was measured.</summary>
/// <param name="Arm">First.</param>
/// <param name="Other">Second: the difference is the first minus this one.</param>
/// <param name="Margin">Within which a difference is as good as none; null where none was declared.</param>
/// <param name="Comparison">Corrected for the number of declared contrasts by Holm's method.</param>
public sealed record Contrast(Arm Arm, Arm Other, Measure Measure, double? Margin, Comparison Comparison)
{
    public Verdict Verdict => Verdict.Of(Comparison, Measure);

    /// <summary>Such as "lora r=8 against rag k=4, recall".</summary>
    public string Name => $"{Arm} against {Other}, {Measure.Name}";

    /// <summary>Of <c>manifest.json</c>, in its order, those whose arms were both measured.</summary>
    internal static IReadOnlyList<Contrast> Of(StudyResults results)
    {
        if (results.Manifest is not { ValueKind: JsonValueKind.Object } manifest || !manifest.TryGetProperty("contrasts", out var declared) || declared.ValueKind != JsonValueKind.Array) return [];
        var found = declared.EnumerateArray().Select(c => Find(results, c)).OfType<(Arm Arm, Arm Other, Measure Measure, double? Margin)>().ToList();
        if (found.Count == 0) return [];
        var comparisons = PairedComparison.Declared([.. found.Select(c => (new PairedDifferences(results.Scores(c.Arm, c.Measure), results.Scores(c.Other, c.Measure)), c.Measure.Scores, c.Margin))]);
        return [.. found.Zip(comparisons, (c, comparison) => new Contrast(c.Arm, c.Other, c.Measure, c.Margin, comparison))];
    }

    private static (Arm, Arm, Measure, double?)? Find(StudyResults results, JsonElement declared)
    {
        var arms = declared.GetProperty("arms").EnumerateArray().Select(label => results.Arms.FirstOrDefault(a =>
            LabelOf(a) == label.GetString() && (Text(declared, "base") ?? a.First.Base) == a.First.Base && (Text(declared, "dataset") ?? a.First.Dataset) == a.First.Dataset)).ToList();
        var measures = results.Measures.Where(m => m.Kind == Text(declared, "kind") && (Text(declared, "metric") is { } metric ? m.Metric == metric : !m.IsSecondary)).ToList();
        return arms is [{ } arm, { } other] && measures is [var measure, ..] && results.Mean(arm, measure) is not null && results.Mean(other, measure) is not null
            ? (arm, other, measure, declared.TryGetProperty("margin", out var margin) && margin.ValueKind == JsonValueKind.Number ? margin.GetDouble() : null)
            : null;
    }

    /// <summary>As a study file names an arm.</summary>
    private static string LabelOf(Arm arm) => arm.First.Control == "" ? arm.First.Label : $"{arm.First.Label} ({arm.First.Control})";

    private static string? Text(JsonElement declared, string name) => declared.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
