using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Real;

/// <summary>One text of an author as it was found, oldest first in its list.</summary>
/// <param name="Id">Unique within the author.</param>
/// <param name="Date">Null where the source has none.</param>
/// <param name="Lead">What stands before the text and is given to a probe: a subject line, the first sentence.</param>
/// <param name="Rest">The text that a probe's model must predict, begun with what parts it from the lead.</param>
public sealed record DatedText(string Id, DateOnly? Date, string Lead, string Rest);

/// <summary>From an author's texts to a user: an earlier part that is history, later texts that are probes.</summary>
public static class TimeSplit
{
    /// <summary>Texts of which less than this many UTF-8 bytes are to be predicted are no probes: their bits per byte are noise.</summary>
    public const int MinProbeBytes = 40;

    /// <param name="texts">Oldest first.</param>
    /// <param name="kind">The documents' kind.</param>
    /// <exception cref="PbenchException">One of the two parts is empty.</exception>
    public static User Make(string userId, string name, string kind, IReadOnlyList<DatedText> texts, RealOptions options)
    {
        var earlier = (int)Math.Floor(texts.Count * options.HistoryShare);
        var known = texts.Take(earlier).ToList();
        var history = known.TakeLast(options.Documents).Select(t => new Document(t.Id, t.Date, kind, TextRules.Cut(t.Lead + t.Rest, options.DocumentBytes))).ToList();

        // A later text that says the same as any earlier one, in the history or not, would be asked for by heart.
        var seen = known.Select(Essence).ToHashSet(StringComparer.Ordinal);
        var probes = texts.Skip(earlier)
            .Where(t => seen.Add(Essence(t)))
            .Select(t => (t.Id, t.Date, t.Lead, Gold: TextRules.Cut(t.Rest, options.ProbeBytes)))
            .Where(t => System.Text.Encoding.UTF8.GetByteCount(t.Gold) >= MinProbeBytes)
            .Take(options.Probes)
            .Select(t => new Probe(t.Id, ProbeKind.Continuation, ProbeScoring.BitsPerByte, t.Lead, t.Gold) { Date = t.Date })
            .ToList();
        if (history.Count == 0 || probes.Count == 0) throw new PbenchException($"user {userId}: {texts.Count} documents give a history of {history.Count} and {probes.Count} probes; expected at least one of each (see history_share, documents, probes)");
        return new User(userId, name, history, probes);
    }

    private static string Essence(DatedText text) => TextRules.Essence(text.Rest);
}
