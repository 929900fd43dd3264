using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Reporting;

/// <summary>Where a strategy keeps a user's data: what the study asks about.</summary>
public sealed record Family(string Name, string Place, Look Look, IReadOnlyList<string> Strategies)
{
    /// <summary>In the order of figures and tables. A strategy that is not named here is of the last.</summary>
    public static IReadOnlyList<Family> All { get; } =
    [
        new("no personalisation", "nowhere", new("no personalisation", "#000000", Marker.Circle), ["none"]),
        new("majority answer", "nowhere", new("majority answer", "#666666", Marker.Square), ["majority"]),
        new("history in the prompt", "in the prompt", new("history in the prompt", "#0072B2", Marker.Circle), ["full-history", "recent-history"]),
        new("index (RAG)", "in an index", new("index (RAG)", "#E69F00", Marker.Diamond), ["rag"]),
        new("adapter", "in the weights (adapter)", new("adapter", "#009E73", Marker.TriangleUp), ["lora"]),
        new("adapter + index", "in weights and index", new("adapter + index", "#CC79A7", Marker.Cross), ["lora-rag"]),
        new("all weights", "in the weights (all of them)", new("all weights", "#D55E00", Marker.TriangleDown), ["continued-pretraining"]),
        new("oracle context", "in the prompt (gold evidence)", new("oracle context (ceiling)", "#56B4E9", Marker.Square), ["oracle"]),
        new("other", "elsewhere", new("other", "#000000", Marker.Diamond), []),
    ];

    public static Family Of(string strategy) => All.FirstOrDefault(f => f.Strategies.Contains(strategy)) ?? All[^1];
}

/// <summary>What is compared: a strategy with its settings on one base and dataset, all seeds together.</summary>
public sealed class Arm
{
    internal Arm(string name, IReadOnlyList<RunRecord> runs)
    {
        (Name, Runs) = (name, runs);
        var settings = ReadSettings(runs[0]);
        Rank = settings.TryGetProperty("rank", out var rank) && rank.TryGetInt32(out var value) ? value : null;
    }

    /// <summary>The label, with control, base and dataset where the study has several.</summary>
    public string Name { get; }

    /// <summary>Its cells that went well, one per seed; at least one.</summary>
    public IReadOnlyList<RunRecord> Runs { get; }

    public RunRecord First => Runs[0];

    public Family Family => Family.Of(First.Strategy);

    /// <summary>Whether users were given another user's history or adapter.</summary>
    public bool IsWrongUser => First.Control != "";

    /// <summary>Whether it is here to be compared with, not to be used: controls and the oracle.</summary>
    public bool IsReference => IsWrongUser || First.Strategy is "none" or "majority" or "oracle";

    public bool IsTrained => Mean(r => r.TrainableParameters) > 0;

    /// <summary>The adapter's rank; null where there is none.</summary>
    public int? Rank { get; }

    /// <summary>Its label without the rank, such as "lora modules=mlp": what the arms of a sweep over ranks have in common.</summary>
    public string Kind => string.Join(' ', First.Label.Split(' ').Where(w => !w.StartsWith("r=", StringComparison.Ordinal)));

    /// <summary>Mean over its runs of those that measured it; null where none did.</summary>
    public double? Mean(Func<RunRecord, double?> column)
    {
        var values = Runs.Select(column).OfType<double>().ToList();
        return values.Count == 0 ? null : values.Average();
    }

    /// <summary>Whether both answered the same probes with the same base.</summary>
    public bool IsComparable(Arm other) => (First.Base, First.Dataset) == (other.First.Base, other.First.Dataset);

    public override string ToString() => Name;

    private static JsonElement ReadSettings(RunRecord run)
    {
        try
        {
            var settings = JsonDocument.Parse(run.Settings).RootElement;
            if (settings.ValueKind == JsonValueKind.Object) return settings;
        }
        catch (JsonException)
        {
            // Told below, together with what is JSON but no object.
        }
        throw new PbenchException($"runs.csv: column 'settings' of the cell {run.Key}: expected a JSON object, found '{run.Settings}'");
    }
}

/// <summary>What is measured: a kind of probe and how it is judged.</summary>
/// <param name="IsSecondary">A second look at the same answers, such as the choice accuracy beside a kind's exact match.</param>
public sealed record Measure(string Kind, string Metric, bool IsSecondary)
{
    /// <summary>Whether arms are told apart by it: looks beside the score that a probe asks for are shown, not tested.</summary>
    public bool IsCompared => !Evaluation.Metrics.Metric.IsBesideAnother(Metric);

    public Evaluation.Statistics.ScoreKind Scores => Evaluation.Metrics.Metric.KindOf(Metric);

    public bool IsHigherBetter => Evaluation.Metrics.Metric.IsHigherBetter(Metric);

    /// <summary>Such as "recall", "recall (choice)", "continuation".</summary>
    public string Name => IsSecondary ? $"{Kind} ({Metric})" : Kind;

    /// <summary>The axis: accuracy or style in percent, or bits per byte.</summary>
    public string Unit => Metric switch
    {
        Evaluation.Metrics.Metric.BitsPerByte => "bits per byte (lower is better)",
        Evaluation.Metrics.Metric.Style => "style features shown (%)",
        Evaluation.Metrics.Metric.Choice or Evaluation.Metrics.Metric.ChoiceNormalized => "right choices (%)",
        _ => "exact matches (%)",
    };

    public string Show(Evaluation.Statistics.Interval interval) => IsHigherBetter ? Format.Percent(interval) : Format.Bits(interval);

    /// <summary>For a screen: whole percents.</summary>
    public string ShowShort(Evaluation.Statistics.Interval interval) => IsHigherBetter ? Format.WholePercent(interval) : Format.Bits(interval);

    /// <summary>A difference that may be infinite, in words with its unit.</summary>
    public string ShowSize(double difference) => IsHigherBetter ? $"{Format.Percent(difference)} points" : $"{Format.Bits(difference)} bits per byte";
}
