using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Runner.Tuning;

/// <summary>How a study's settings are chosen: on tuning users, by one objective, with as many configurations and seeds for every family.</summary>
public sealed record TuneSpec
{
    /// <summary>The objective that is the mean over all kinds of probes, each weighing alike.</summary>
    public const string Mean = "mean";

    /// <summary>What the best configuration is best at: <c>mean</c>, or a kind of probe such as recall.</summary>
    [MinLength(1, ErrorMessage = "expected mean, or a kind of probe")]
    public string Objective { get; init; } = Mean;

    /// <summary>Every configuration of every family runs with each; what no seed changes runs once.</summary>
    [MinLength(1, ErrorMessage = "expected at least one seed")]
    public IReadOnlyList<long> Seeds { get; init; } = [1];

    /// <summary>How many of the dataset's tuning users, from the first.</summary>
    [Range(2, 10_000)]
    public int Users { get; init; } = 16;

    /// <summary>Each has <c>type</c> and settings with axes, as a strategy has, perhaps <c>bases</c>, and <c>family</c> where its name is not its
    /// type's: entries of one family share its budget.</summary>
    [MinLength(1, ErrorMessage = "expected at least one family")]
    public required IReadOnlyList<YamlSection> Families { get; init; }
}
