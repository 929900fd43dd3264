namespace PersonalizationBench.Core;

/// <summary>One row of <c>chosen.csv</c>: the configuration that a family's strategy takes on a base, and the budget that it was found with.</summary>
public sealed record ChosenRecord
{
    public const string FileName = "chosen.csv";

    public int Schema { get; init; } = 1;
    public required string Study { get; init; }
    public required string Base { get; init; }
    public required string Family { get; init; }
    public required string Strategy { get; init; }
    /// <summary>All its settings, as JSON with sorted keys.</summary>
    public required string Settings { get; init; }
    /// <summary>mean, or the kind of probe, with the mean over tuning users and its 95 % interval (Student's t over users): 0..1, or bits per byte.</summary>
    public required string Objective { get; init; }
    public required double Estimate { get; init; }
    public required double Low { get; init; }
    public required double High { get; init; }
    /// <summary>Of the whole family on this base; those that failed or diverged have lost.</summary>
    public required int Configurations { get; init; }
    public required int Failed { get; init; }
    public required int Seeds { get; init; }
    public required int Users { get; init; }
    /// <summary>SHA-256 over all that was tried and on whom: another grid makes another choice.</summary>
    public required string Grid { get; init; }
}
