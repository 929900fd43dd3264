using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Runner.Tests.Fakes;

/// <summary>A small dataset that a test may spoil.</summary>
internal sealed class FakeDatasets(Func<Dataset, Dataset>? spoil = null) : IDatasetLoader
{
    public sealed record Options
    {
        [Range(1, 100)] public int Users { get; init; } = 2;
        public Population Population { get; init; } = Population.Test;
    }

    public string Name => "letters";

    public string Summary => "Letters.";

    public Type OptionsType => typeof(Options);

    public static string Gold(string userId) => "gold of " + userId;

    public Dataset Load(object options)
    {
        var letters = (Options)options;
        var users = Enumerable.Range(1, letters.Users).Select(i => Person($"u{i}", $"Ann {i}")).ToList();
        var dataset = new Dataset("letters", $"letters-{letters.Users}-{letters.Population}", users, [Person("t1", "Bob 1")], new PromptFormat("\n"))
        {
            HeldOutTexts = ["some general text"],
            ReplayTexts = ["another general text"],
        };
        return spoil?.Invoke(dataset) ?? dataset;
    }

    public static User Person(string id, string name) => new(id, name,
        [new Document("d1", new DateOnly(2026, 1, 1), "note", $"{name} wrote this."), new Document("d2", new DateOnly(2026, 1, 2), "note", $"{name} wrote that.")],
        [
            new Probe("p1", "recall", ProbeScoring.ExactMatch, "what?", Gold(id)) { Choices = [Gold(id), "b", "c", "d"], EvidenceIds = ["d1"], PoolSize = 10 },
            new Probe("p2", "preference", ProbeScoring.Choice, "which?", "x") { Choices = ["x", "y"], EvidenceIds = ["d2"] },
            new Probe("p3", "continuation", ProbeScoring.BitsPerByte, "", $"{name} wrote more, later."),
        ]);
}
