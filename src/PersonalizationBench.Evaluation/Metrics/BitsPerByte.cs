using System.Text;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>Cross-entropy that does not depend on the tokenizer: bits per UTF-8 byte of the text (Gao et al., "The Pile",
/// arXiv 2101.00027, section 3.1). Lower is better.</summary>
public static class BitsPerByte
{
    /// <param name="logLikelihood">Natural log of the probability of the whole text.</param>
    /// <param name="text">The text scored; not empty.</param>
    public static double Score(double logLikelihood, string text)
    {
        var bytes = Encoding.UTF8.GetByteCount(text);
        ArgumentOutOfRangeException.ThrowIfZero(bytes, nameof(text));
        return -logLikelihood / (Math.Log(2) * bytes);
    }

    /// <summary>Over several texts as one: all bits over all bytes. Null for none.</summary>
    public static double? Score(IReadOnlyList<double> logLikelihoods, IReadOnlyList<string> texts)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logLikelihoods.Count, texts.Count);
        return texts.Count == 0 ? null : Score(logLikelihoods.Sum(), string.Concat(texts));
    }
}
