using System.Text;
using System.Text.RegularExpressions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>The words of an answer as SQuAD's evaluation takes them (Rajpurkar et al., arXiv 1606.05250; its script for version 2.0): lower case, no
/// ASCII punctuation, no articles; and before that, Unicode's form C, which that script leaves out.</summary>
internal static partial class AnswerTokens
{
    public static string[] Of(string text)
    {
        var lower = UnicodeNormalization.Normalize(text, NormalizationForm.FormC).ToLowerInvariant();
        var bare = string.Concat(lower.Where(c => !(char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c)))));
        return Articles().Replace(bare, " ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"\b(a|an|the)\b")]
    private static partial Regex Articles();
}
