namespace PersonalizationBench.Serving;

/// <summary>Bounds of the engine's work.</summary>
public sealed record EngineOptions
{
    /// <summary>Sequences in one step.</summary>
    public int MaxSequences { get; init; } = 64;

    /// <summary>Rows of one step: what prompts may take of it is what the running sequences leave.</summary>
    public int StepRows { get; init; } = 256;

    /// <summary>Rows that a prompt gets at least, however many sequences are running.</summary>
    public int MinPromptRows { get; init; } = 32;

    /// <summary>Requests that may wait; beyond it <see cref="QueueFullException"/>.</summary>
    public int MaxWaiting { get; init; } = 1024;
}
