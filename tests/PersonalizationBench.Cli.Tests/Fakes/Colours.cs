using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Cli.Tests.Fakes;

public sealed record ColoursOptions
{
    public int Users { get; init; } = 2;
}

/// <summary>Users with a favourite colour.</summary>
internal sealed class Colours : IDatasetLoader
{
    private static readonly string[] s_colours = ["red", "green", "blue"];

    public string Name => "colours";

    public string Summary => "Favourite colours.";

    public Type OptionsType => typeof(ColoursOptions);

    public Dataset Load(object options) =>
        new("colours", "digest-of-colours", [.. Enumerable.Range(0, ((ColoursOptions)options).Users).Select(i => Person($"u{i}", i))], [Person("t0", 0), Person("t1", 0)], new PromptFormat("\n"))
        {
            HeldOutTexts = ["The sky is blue."],
        };

    private static User Person(string id, int i) => new(id, "Name " + id, [new Document("d1", null, "note", $"i like {s_colours[i % 3]} .")],
    [
        new Probe("p1", "recall", ProbeScoring.ExactMatch, "what do i like ?", s_colours[i % 3]) { Choices = s_colours, EvidenceIds = ["d1"], PoolSize = 3 },
    ]);
}
