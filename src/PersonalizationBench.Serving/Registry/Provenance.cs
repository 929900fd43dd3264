using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>Where a revision comes from: the base, then each training with its data, settings, code and the adapter it gave.</summary>
/// <param name="Base">SHA-256 of the base.</param>
/// <param name="Chain">From the one that was trained from the base to the revision itself.</param>
public sealed record Provenance(string Base, IReadOnlyList<Revision> Chain)
{
    /// <summary>SHA-256 over the whole chain: two revisions have the same only if base, data, settings, code and adapters of all their
    /// ancestors are the same.</summary>
    public string Digest() => Chain.Aggregate(Core.Digest.Of($"base {Base}\n"), (before, revision) => Core.Digest.Of(
        $"after {before}\ndata {revision.Data ?? "unknown"}\ntraining {(revision.Training is { } t ? Core.Digest.Of(t) : "unknown")}\ncode {revision.Code}\nadapter {revision.Digest}\n"));
}

/// <summary>Reads the audit log of one policy as the history of its pointers.</summary>
public static class AuditReplay
{
    /// <summary>Which revision each pointer stood for at a time. Throws <see cref="PbenchException"/> where the log contradicts itself.</summary>
    /// <param name="entries">The policy's entries from the first on, in order.</param>
    public static IReadOnlyDictionary<string, int> PointersAt(IEnumerable<AuditEntry> entries, DateTimeOffset at)
    {
        var pointers = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in entries.TakeWhile(e => e.At <= at))
        {
            switch (entry.Action)
            {
                case AuditActions.Publish or AuditActions.Rollback:
                    int? before = pointers.TryGetValue(entry.Pointer!, out var revision) ? revision : null;
                    if (before != entry.Before) throw new PbenchException($"audit entry {entry.Sequence}: {entry.Action} of '{entry.Pointer}' from {Say(entry.Before)}; the entries before leave it at {Say(before)}");
                    pointers[entry.Pointer!] = entry.Revision!.Value;
                    break;
                case AuditActions.Delete:
                    pointers.Clear();
                    break;
            }
        }
        return pointers;
    }

    private static string Say(int? revision) => revision is { } r ? FormattableString.Invariant($"revision {r}") : "none";
}
