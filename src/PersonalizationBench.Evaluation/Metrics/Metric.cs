using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>The words of the column <c>metric</c> in <c>probes.csv</c>.</summary>
public static class Metric
{
    /// <summary>1 where the answer is one of the accepted ones after normalization, else 0.</summary>
    public const string ExactMatch = "exact-match";
    /// <summary>1 where an accepted answer stands in the answer, word for word, else 0.</summary>
    public const string Contains = "contains";
    /// <summary>Words that the answer has in common with an accepted one (SQuAD's F1), 0..1.</summary>
    public const string TokenF1 = "token-f1";
    /// <summary>1 where the answer is something else than that it is not known, right or wrong, else 0.</summary>
    public const string Answered = "answered";
    /// <summary>1 where the likeliest of the choices is right, else 0.</summary>
    public const string Choice = "choice";
    /// <summary>1 where the choice that is likeliest per byte is right, else 0.</summary>
    public const string ChoiceNormalized = "choice-normalized";
    /// <summary>Share of the user's style features that the answer shows.</summary>
    public const string Style = "style";
    /// <summary>Negative log-likelihood of the gold text in bits per UTF-8 byte; lower is better.</summary>
    public const string BitsPerByte = "bits-per-byte";

    public static readonly IReadOnlyList<string> All = [ExactMatch, Contains, TokenF1, Answered, Choice, ChoiceNormalized, Style, BitsPerByte];

    /// <summary>Everything but bits per byte is better when higher, and lies in 0..1.</summary>
    public static bool IsHigherBetter(string metric) => metric != BitsPerByte;

    /// <summary>Whether it looks at an answer a second time, beside the score that the probe asks for.</summary>
    public static bool IsBesideAnother(string metric) => metric is Contains or TokenF1 or Answered or ChoiceNormalized;

    /// <summary>What values its scores take, by which intervals are made.</summary>
    public static ScoreKind KindOf(string metric) => metric switch
    {
        BitsPerByte => ScoreKind.Unbounded,
        Style or TokenF1 => ScoreKind.Share,
        _ => ScoreKind.ZeroOne,
    };
}
