namespace PersonalizationBench.Core;

/// <summary>What of a kind of input is read, and what is not: a section of <c>docs/compatibility.md</c>, from the tables that the code itself reads by.</summary>
/// <param name="Title">Of the section.</param>
/// <param name="Read">Names, as files write them.</param>
/// <param name="Otherwise">What becomes of others, in a sentence.</param>
public sealed record FormatSection(string Title, IReadOnlyList<string> Read, string Otherwise)
{
    /// <summary>Names that are known elsewhere and refused here.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];
}
