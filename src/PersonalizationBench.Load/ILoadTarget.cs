namespace PersonalizationBench.Load;

/// <summary>A server under load, as requests reach it.</summary>
public interface ILoadTarget : IDisposable
{
    /// <summary>What it has done so far.</summary>
    LoadCounts Counts { get; }

    /// <summary>Finds out whose request it is and which adapter is meant, then answers.</summary>
    /// <param name="due">Timestamp at which the request was to arrive: what it waits before it is submitted counts.</param>
    Task<LoadAnswer> AskAsync(LoadRequest request, long due);

    /// <summary>Answers with that adapter.</summary>
    /// <param name="digest">Of the adapter; null: the base.</param>
    /// <param name="late">What it has waited already.</param>
    Task<LoadAnswer> SubmitAsync(LoadRequest request, string? digest, TimeSpan late);
}

/// <summary>Sums since a target began.</summary>
/// <param name="Tokens">Written.</param>
/// <param name="Sequences">Over the steps, those in the batch.</param>
/// <param name="Adapters">Over the steps, the different ones in the batch.</param>
public readonly record struct LoadCounts(long Tokens, long Steps, long Sequences, long Adapters);
