using PersonalizationBench.Core;
using PersonalizationBench.Data.World;

namespace PersonalizationBench.Data.Adapt;

/// <summary>Where new documents and the probes beside them come from.</summary>
public static class AdaptSources
{
    /// <summary>
    /// Some documents of a user of the synthetic world. Its facts are asked, each once: old ones were first told, with the value that holds
    /// now, before these documents, new ones in them; what is told later only is not asked.
    /// </summary>
    /// <param name="user">From 0.</param>
    /// <param name="total">Documents of the whole history.</param>
    /// <param name="from">The first of the new documents, from 0.</param>
    /// <param name="to">One past the last.</param>
    public static AdaptSource OfWorld(int user, int total, int from, int to)
    {
        if (user < 0) throw new PbenchException($"--world-user: expected at least 0, found {user}");
        if (from < 0 || from >= to || to > total) throw new PbenchException($"--documents-from {from} --documents-to {to}: expected a stretch of the {total} documents (--world-documents) with at least one in it");
        var dataset = new WorldLoader().Load(new WorldOptions { Users = user + 1, TuningUsers = 0, Documents = total, Facts = 20, Updates = 6, Absences = 0, Styles = 0, GeneralTexts = 0 });
        var found = dataset.Users[user];
        var place = found.History.Index().ToDictionary(d => d.Item.Id, d => d.Index, StringComparer.Ordinal);
        var probes = found.Probes.Select(p => (Probe: p, Told: p.EvidenceIds.Min(id => place[id]))).Where(p => p.Told < to)
            .Select(p => new AskedProbe(p.Told < from ? AdaptSource.OldFacts : AdaptSource.NewFacts, p.Probe)).ToList();
        if (probes.Count == 0) throw new PbenchException($"--documents-to {to}: nothing is told in the documents up to there; expected more of them");
        return new AdaptSource(found.Id, found.Name, [.. found.History.Take(to).Skip(from)], [.. found.History.Take(from)], probes, dataset.Format)
        {
            MaxAnswerCharacters = dataset.MaxAnswerCharacters,
            StopTexts = dataset.StopTexts,
        };
    }

    /// <summary>Documents from files. Without probes the newest of them are held out and scored in bits per byte.</summary>
    /// <param name="before">Where the documents before them are, for replay; null: not known.</param>
    /// <param name="probes">Where the probes are; null: hold out.</param>
    /// <param name="share">Of the documents, to hold out: at least one.</param>
    public static AdaptSource OfFiles(string userId, string documents, string? before, string? probes, double share)
    {
        var read = TextFiles.Documents(documents);
        var old = before is null ? [] : TextFiles.Documents(before);
        if (probes is not null) return new AdaptSource(userId, userId, read, old, TextFiles.Probes(probes), new PromptFormat("\n\n"));
        if (share is not (> 0 and < 1)) throw new PbenchException(FormattableString.Invariant($"--hold-out: expected a share above 0 and below 1, found {share}"));
        if (read.Count < 2) throw new PbenchException($"{documents}: one document cannot be both trained on and held out; expected more of them, or --evaluate FILE");
        var held = Math.Clamp((int)Math.Ceiling(share * read.Count), 1, read.Count - 1);
        return new AdaptSource(userId, userId, [.. read.SkipLast(held)], old, [.. read.TakeLast(held).Select(d => TextFiles.Continuation(d.Id, "", d.Text, AdaptSource.HeldOut))], new PromptFormat("\n\n"));
    }
}
