using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>Whether what a registry says is so: every revision's bytes, and every pointer against the audit log.</summary>
public static class RegistryCheck
{
    /// <summary>Reads, hashes and parses the blobs of all revisions of an owner's policies, and replays their audit logs.</summary>
    /// <returns>How many revisions there are, and what was found wrong, each with the revision or policy that it is about.</returns>
    public static (int Revisions, IReadOnlyList<string> Problems) Of(IRegistry registry, string owner)
    {
        // Revisions that were published again have one blob.
        var (revisions, problems, whole) = (0, new List<string>(), new HashSet<string>());
        foreach (var policy in AllPolicies(registry, owner))
        {
            for (var page = registry.Revisions(owner, policy.Id); page.Count > 0; page = registry.Revisions(owner, policy.Id, page[^1].Number))
            {
                foreach (var revision in page)
                {
                    revisions++;
                    var source = FormattableString.Invariant($"{policy.Id}@{revision.Number}");
                    if (whole.Contains(revision.Digest)) continue;
                    Try(source, () =>
                    {
                        AdapterBlob.Read(registry.Blobs.Read(revision.Digest), source);
                        whole.Add(revision.Digest);
                    });
                }
            }
            Try(policy.Id, () =>
            {
                var replayed = AuditReplay.PointersAt(AllAudit(registry, owner, policy.Id), DateTimeOffset.MaxValue);
                foreach (var pointer in registry.Pointers(owner, policy.Id))
                    if (!replayed.TryGetValue(pointer.Name, out var logged) || logged != pointer.Revision)
                        throw new PbenchException(FormattableString.Invariant($"'{pointer.Name}' stands at {pointer.Revision}, the audit log leaves it at {(logged == 0 ? "none" : logged)}"));
            });
        }
        return (revisions, problems);

        void Try(string what, Action check)
        {
            try
            {
                check();
            }
            catch (PbenchException e)
            {
                problems.Add($"{what}: {e.Message}");
            }
        }
    }

    public static IEnumerable<Policy> AllPolicies(IRegistry registry, string owner)
    {
        for (var page = registry.Policies(owner); page.Count > 0; page = registry.Policies(owner, page[^1].Id))
            foreach (var policy in page) yield return policy;
    }

    /// <summary>A policy's whole audit log.</summary>
    public static IEnumerable<AuditEntry> AllAudit(IRegistry registry, string owner, string policy)
    {
        for (var page = registry.Audit(owner, policy); page.Count > 0; page = registry.Audit(owner, policy, page[^1].Sequence))
            foreach (var entry in page) yield return entry;
    }
}
