using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>A user's documents and which of them tell what.</summary>
/// <param name="Documents">Oldest first.</param>
/// <param name="Evidence">Topic to the ids of the documents that tell its current value.</param>
/// <param name="Tellings">What each document tells.</param>
public sealed record History(IReadOnlyList<Document> Documents, IReadOnlyDictionary<string, List<string>> Evidence, IReadOnlyList<IReadOnlyList<Telling>> Tellings);

/// <summary>Spreads what is true of a user over dated documents.</summary>
public static class HistoryWriter
{
    private static readonly DateOnly Start = new(2019, 1, 1);

    /// <param name="mentions">How often each thing is told, each time in a form drawn anew.</param>
    /// <param name="documents">Number of documents; what is told is spread evenly over them, in time.</param>
    public static History Write(Profile profile, Grammar grammar, int mentions, int documents, DeterministicRandom random)
    {
        var writer = new DocumentWriter(profile, grammar, random);
        var timeline = new List<(double Time, Telling Telling)>();
        for (var m = 0; m < mentions; m++)
        {
            foreach (var truth in profile.Truths)
            {
                // A fact that changes is told in the first half of the time with its old value and in the second with its new one.
                var update = truth is Fact { NewValue: not null } fact ? fact : null;
                timeline.Add((random.NextDouble() * (update is null ? 1 : 0.5), writer.Tell(truth)));
                if (update is not null) timeline.Add((0.5 + (random.NextDouble() * 0.5), writer.TellUpdate(update)));
            }
        }
        var tellings = timeline.OrderBy(t => t.Time).Select(t => t.Telling).ToList();

        var result = new List<Document>(documents);
        var evidence = new Dictionary<string, List<string>>();
        var parts = new List<IReadOnlyList<Telling>>(documents);
        var date = Start.AddDays(random.Next(700));
        for (var d = 0; d < documents; d++)
        {
            var from = tellings.Count * d / documents;
            var to = tellings.Count * (d + 1) / documents;
            var part = tellings.GetRange(from, to - from);
            var document = writer.Write($"d{d:000}", date, part);
            result.Add(document);
            parts.Add(part);
            foreach (var topic in part.Select(t => t.Topic).OfType<string>().Distinct())
            {
                if (!evidence.TryGetValue(topic, out var ids)) evidence[topic] = ids = [];
                ids.Add(document.Id);
            }
            date = date.AddDays(1 + random.Next(20));
        }
        return new History(result, evidence, parts);
    }

    /// <summary>Every document that tells something, written anew that many times: of the same kind and date, each thing in a form drawn
    /// anew, nothing beside it. A larger number gives the same first ones.</summary>
    public static IReadOnlyList<Document> Paraphrase(Profile profile, History history, int each, DeterministicRandom random)
    {
        var result = new List<Document>();
        for (var time = 0; time < each; time++)
        {
            foreach (var (document, tellings) in history.Documents.Zip(history.Tellings).Where(d => d.Second.Count > 0))
            {
                // The kind is kept: a mail shows the user's style, and who never wrote one has shown none.
                var writer = new DocumentWriter(profile, new Grammar { Remarks = 0, OthersFacts = 0, DocumentKinds = [document.Kind] }, random);
                result.Add(writer.Write(FormattableString.Invariant($"{document.Id}-{time + 1}"), document.Date!.Value, [.. tellings.Select(writer.TellAnew)]));
            }
        }
        return result;
    }
}
