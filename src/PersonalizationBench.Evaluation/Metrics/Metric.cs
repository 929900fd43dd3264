namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>The words of the column <c>metric</c> in <c>probes.csv</c>.</summary>
public static class Metric
{
    public const string ExactMatch = "exact-match";
    public const string Choice = "choice";
    public const string Style = "style";
    public const string BitsPerByte = "bits-per-byte";

    public static readonly IReadOnlyList<string> All = [ExactMatch, Choice, Style, BitsPerByte];

    /// <summary>Everything but bits per byte is better when higher, and lies in 0..1.</summary>
    public static bool IsHigherBetter(string metric) => metric != BitsPerByte;
}
