using PersonalizationBench.Core;

namespace PersonalizationBench.Conformance.Tests;

/// <summary>A few users with dated notes about their favourite things, and one probe of every way of scoring.</summary>
internal static class TinyUsers
{
    private static readonly string[] Things = ["tea", "coffee", "milk", "juice", "soup", "bread", "rice", "fish"];
    private static readonly string[] Colours = ["red", "blue", "green", "black", "white"];
    private static readonly string[] Rest = ["i", "like", "my", "colour", "is", "today", "had", "and", "note", "what", "drink", "which", "do", "you", "?", ":", ".", "mail", "dear"];

    public static IReadOnlyList<string> Words { get; } = [.. Things, .. Colours, .. Rest];

    public static PromptFormat Format { get; } = new("\n");

    public static IReadOnlyList<string> ReplayTexts { get; } = ["today i had bread .", "my colour is white .", "i like fish and rice ."];

    public static IReadOnlyList<string> StopTexts { get; } = ["\n"];

    /// <summary>Users alike in shape and different in content.</summary>
    public static IReadOnlyList<User> Make(int count, int documents = 6, int from = 0) => Enumerable.Range(from, count).Select(u => One(u, documents)).ToList();

    public static User One(int number, int documents)
    {
        var random = DeterministicRandom.For(number, "tiny user");
        var id = $"user-{number:00}";
        var history = Enumerable.Range(0, documents)
            .Select(d => new Document($"{id}-d{d:00}", new DateOnly(2020, 1, 1).AddDays(d), "note", $"note : today i had {random.Pick(Things)} and {random.Pick(Things)} .\nmy colour is {random.Pick(Colours)} ."))
            .ToList();
        var evidence = history.Take(1).Select(d => d.Id).ToList();
        return new User(id, $"User {number}", history,
        [
            new Probe("recall", "recall", ProbeScoring.ExactMatch, "what did i drink today :", random.Pick(Things)) { EvidenceIds = evidence, Topic = "drink" },
            new Probe("both", "recall", ProbeScoring.ExactMatch, "what colour is my colour :", random.Pick(Colours)) { EvidenceIds = evidence, Choices = Colours, Topic = "colour" },
            new Probe("choice", "preference", ProbeScoring.Choice, "which do i like :", "tea") { EvidenceIds = evidence, Choices = ["tea", "coffee"], Topic = "tea/coffee" },
            new Probe("style", "style", ProbeScoring.Style, "mail :", "") { StyleFeatures = new Dictionary<string, string> { ["greeting"] = "dear" } },
            new Probe("text", "continuation", ProbeScoring.BitsPerByte, "note :", $"today i had {random.Pick(Things)} and {random.Pick(Things)} .") { EvidenceIds = evidence },
        ])
        {
            StudyQuestions =
            [
                new("what drink do i like :", "drink", 0), new("which drink had i today :", "drink", 1), new("what is my colour :", "colour", 0),
                new("which is my colour today :", "colour", 1), new("do i like tea :", "tea/coffee", 0), new("which is my fish :", "fish", 0),
            ],
            Paraphrases = each => [.. Enumerable.Range(0, each).SelectMany(_ => history.Select(d => d with { Text = d.Text.Replace("today i had", "i had today", StringComparison.Ordinal) }))],
        };
    }

    public static AdaptationRequest Request(IBaseModel model, IReadOnlyList<User> users, long seed = 1) =>
        new(model, users.Select(u => u.ToHistory()).ToList(), Make(3, from: 50), Format, ReplayTexts, MaxAnswerTokens: 4, StopTexts, seed);

    /// <summary>All users' questions, users taking turns, so that no order is the order of the users.</summary>
    public static IReadOnlyList<Question> Questions(IReadOnlyList<User> users, bool withEvidence) =>
        Enumerable.Range(0, users.Max(u => u.Probes.Count)).SelectMany(p => users.Where(u => p < u.Probes.Count).Select(u => Question.From(u.Id, u.Probes[p], withEvidence))).ToList();
}
