namespace PersonalizationBench.Core;

/// <summary>A probe and the heading that its score is reported under.</summary>
public sealed record AskedProbe(string Group, Probe Probe);

/// <summary>What an adapter learns from anew, and what it is asked before and after.</summary>
/// <param name="UserId">Decides, with the seed, how training begins and in which order it reads.</param>
/// <param name="Documents">New ones, oldest first; not empty.</param>
/// <param name="Before">Those before them, for replay; empty where they are not known.</param>
/// <param name="Probes">Not empty; each id once.</param>
public sealed record AdaptSource(string UserId, string UserName, IReadOnlyList<Document> Documents, IReadOnlyList<Document> Before, IReadOnlyList<AskedProbe> Probes, PromptFormat Format)
{
    public const string OldFacts = "old facts", NewFacts = "new facts", HeldOut = "held out";

    /// <summary>Of the longest answer that is read.</summary>
    public int MaxAnswerCharacters { get; init; } = 64;

    public IReadOnlyList<string> StopTexts { get; init; } = ["\n"];

    /// <summary>What is trained on: some of the old documents, drawn by the seed, and the new ones.</summary>
    /// <param name="replayed">How many old ones, at most as many as there are.</param>
    public IReadOnlyList<Document> Training(int replayed, long seed) =>
        [.. DeterministicRandom.For(seed, "replay", UserId).Sample(Before, replayed).OrderBy(d => d.Date).ThenBy(d => d.Id, StringComparer.Ordinal), .. Documents];
}
