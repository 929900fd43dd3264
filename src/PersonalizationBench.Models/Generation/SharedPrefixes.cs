namespace PersonalizationBench.Models;

/// <summary>A sequence to be read.</summary>
/// <param name="Slot">Of its adapter; -1: none.</param>
/// <param name="MostShared">Tokens that may be read together with other sequences: what comes of the later ones is wanted for this one alone.</param>
internal readonly record struct ReadSequence(int[] Tokens, int Slot, int MostShared);

/// <summary>Sequences that are read together.</summary>
/// <param name="Members">Their indices.</param>
/// <param name="Prefix">Tokens that all of them begin with, under the same adapter; 0 where nothing is shared.</param>
internal sealed record PrefixGroup(IReadOnlyList<int> Members, int Prefix);

/// <summary>Finds sequences that begin alike, such as the questions about one user's history.</summary>
internal static class SharedPrefixes
{
    /// <summary>Less than this is sooner read again than looked up.</summary>
    private const int LeastShared = 32;

    /// <summary>Every sequence in one group; those that share at least half of what they hold, and so much that it is worth it, in the same.</summary>
    public static IReadOnlyList<PrefixGroup> Of(IReadOnlyList<ReadSequence> sequences)
    {
        var order = Enumerable.Range(0, sequences.Count).ToArray();
        Array.Sort(order, (a, b) => Compare(sequences[a], sequences[b]) is var c && c != 0 ? c : a.CompareTo(b));
        var groups = new List<PrefixGroup>();
        var (members, shared) = (new List<int>(), 0);
        foreach (var at in order)
        {
            var sequence = sequences[at];
            if (members.Count > 0 && sequences[members[0]].Slot == sequence.Slot)
            {
                var common = Math.Min(Math.Min(shared, sequence.MostShared), sequence.Tokens.AsSpan().CommonPrefixLength(sequences[members[0]].Tokens));
                if (common >= LeastShared && 2 * common >= sequence.Tokens.Length)
                {
                    members.Add(at);
                    shared = common;
                    continue;
                }
            }
            Close();
            (members, shared) = ([at], sequence.MostShared);
        }
        Close();
        return groups;

        void Close()
        {
            if (members.Count > 0) groups.Add(new PrefixGroup(members, members.Count > 1 ? shared : 0));
        }
    }

    private static int Compare(ReadSequence a, ReadSequence b) =>
        a.Slot != b.Slot ? a.Slot.CompareTo(b.Slot) : a.Tokens.AsSpan().SequenceCompareTo(b.Tokens);
}
