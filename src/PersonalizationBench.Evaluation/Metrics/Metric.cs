namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>The words of the column <c>metric</c> in <c>probes.csv</c>.</summary>
public static class Metric
{
    /// <summary>1 where the answer is one of the accepted ones after normalization, else 0.</summary>
    public const string ExactMatch = "exact-match";
    /// <summary>1 where the likeliest of the choices is right, else 0.</summary>
    public const string Choice = "choice";
    /// <summary>Share of the user's style features that the answer shows.</summary>
    public const string Style = "style";
    /// <summary>Negative log-likelihood of the gold text in bits per UTF-8 byte; lower is better.</summary>
    public const string BitsPerByte = "bits-per-byte";

    public static readonly IReadOnlyList<string> All = [ExactMatch, Choice, Style, BitsPerByte];

    /// <summary>Everything but bits per byte is better when higher, and lies in 0..1.</summary>
    public static bool IsHigherBetter(string metric) => metric != BitsPerByte;
}
