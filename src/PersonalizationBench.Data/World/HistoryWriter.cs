using PersonalizationBench.Core;

namespace PersonalizationBench.Data.World;

/// <summary>A user's documents and which of them tell what.</summary>
/// <param name="Documents">Oldest first.</param>
/// <param name="Evidence">Topic to the ids of the documents that tell its current value.</param>
public sealed record History(IReadOnlyList<Document> Documents, IReadOnlyDictionary<string, List<string>> Evidence);

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
        var date = Start.AddDays(random.Next(700));
        for (var d = 0; d < documents; d++)
        {
            var from = tellings.Count * d / documents;
            var to = tellings.Count * (d + 1) / documents;
            var part = tellings.GetRange(from, to - from);
            var document = writer.Write($"d{d:000}", date, part);
            result.Add(document);
            foreach (var topic in part.Select(t => t.Topic).OfType<string>().Distinct())
            {
                if (!evidence.TryGetValue(topic, out var ids)) evidence[topic] = ids = [];
                ids.Add(document.Id);
            }
            date = date.AddDays(1 + random.Next(20));
        }
        return new History(result, evidence);
    }
}
