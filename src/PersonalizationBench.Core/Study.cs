namespace PersonalizationBench.Core;

/// <summary>A question without an answer, from a data set's bank: what study material may ask.</summary>
/// <param name="Prompt">As a probe's prompt is written.</param>
/// <param name="Topic">What it asks about, in the words of <see cref="Probe.Topic"/>.</param>
/// <param name="Form">Which of the ways to ask about such a topic, from 0.</param>
public sealed record StudyQuestion(string Prompt, string Topic, int Form)
{
    /// <summary>The questions of a bank that are worded as none of the probes is.</summary>
    public static IReadOnlyList<StudyQuestion> Unprobed(IEnumerable<StudyQuestion> bank, IEnumerable<Probe> probes)
    {
        var probed = probes.Select(p => Wording.Normalize(p.Prompt)).ToHashSet(StringComparer.Ordinal);
        return [.. bank.Where(q => !probed.Contains(Wording.Normalize(q.Prompt)))];
    }
}

/// <summary>A question of a user's study material and the answer that the base gave to it.</summary>
/// <param name="UserId">Whose material.</param>
/// <param name="Answer">As the base said it, up to where an answer ends.</param>
public sealed record StudyPair(string UserId, string Topic, string Prompt, string Answer);

/// <summary>Every document of a user told anew, the given number of times: what each tells, in other words. The same number gives the same texts.</summary>
public delegate IReadOnlyList<Document> Paraphraser(int each);

/// <summary>When two texts say the same in the same words.</summary>
public static class Wording
{
    /// <summary>Lower case (invariant), runs of white space as one space, none at the ends.</summary>
    public static string Normalize(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToLowerInvariant();
}
