using PersonalizationBench.Models;

namespace PersonalizationBench.Benchmarks;

/// <summary>For <c>hugging_face.py</c>; the weights are the base's folder.</summary>
public sealed record HuggingFaceJob(DecoderConfig Model, PeerOptimizer Optimizer) : PeerJob(Model, Optimizer)
{
    public required string Device { get; init; }
    public required IReadOnlyList<AdapterJobUser> Users { get; init; }
    /// <summary>PEFT's folders of those that answer.</summary>
    public required IReadOnlyList<string> Adapters { get; init; }
    /// <summary>Equally long.</summary>
    public required IReadOnlyList<int[]> Prompts { get; init; }
    public required int NewTokens { get; init; }
}

/// <param name="Users">Adapters that are trained together, and sequences of the batch that answers.</param>
/// <param name="Steps">Of every user.</param>
/// <param name="Prompt">Tokens of each prompt.</param>
/// <param name="NewTokens">Of each answer.</param>
public sealed record HuggingFaceOptions(int Users, int Steps, int Pairs, int Prompt, int NewTokens, int Rank)
{
    /// <summary>Texts of one user in one step, as the studies have it.</summary>
    public const int BatchSequences = 4;

    /// <summary>Different adapters in the batch that answers.</summary>
    public IEnumerable<int> Distinct => new[] { 0, 1, 8, 32, 64 }.Where(n => n <= Users);
}
