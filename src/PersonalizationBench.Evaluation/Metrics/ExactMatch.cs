using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Metrics;

/// <summary>Whether a generated answer is one of the accepted ones, up to case, spacing, final punctuation and how Unicode composes its characters.</summary>
public static class ExactMatch
{
    private const string FinalPunctuation = ".,;:!? ";

    /// <summary>1 if <paramref name="answer"/> equals one of <paramref name="accepted"/> after <see cref="Normalise"/>, else 0.</summary>
    /// <exception cref="ArgumentException">An accepted answer is empty: saying nothing would be right.</exception>
    public static double Score(string answer, IEnumerable<string> accepted)
    {
        var normalised = Normalise(answer);
        var right = accepted.Select(Normalise).ToList();
        if (right.Contains("")) throw new ArgumentException("an accepted answer is empty: expected some text", nameof(accepted));
        return right.Contains(normalised) ? 1 : 0;
    }

    /// <summary>Form C of Unicode, lower case (invariant), runs of white space as one space, none at the ends, no punctuation at the end, unless
    /// the text is nothing else.</summary>
    public static string Normalise(string text)
    {
        var composed = UnicodeNormalization.Normalize(text, NormalizationForm.FormC);
        var spaced = string.Join(' ', composed.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        var bare = spaced.TrimEnd(FinalPunctuation.ToCharArray());
        return bare.Length > 0 ? bare : spaced;
    }
}
