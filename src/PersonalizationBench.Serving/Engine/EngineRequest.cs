using System.Threading.Channels;

namespace PersonalizationBench.Serving;

/// <summary>What is asked of the engine.</summary>
/// <param name="Adapter">Digest of the revision's blob, pinned from now on; null: the base.</param>
/// <param name="Stops">Tokens that end the answer and are no part of it.</param>
public sealed record EngineRequest(IReadOnlyList<int> Prompt, int MaxNewTokens, string? Adapter, IReadOnlySet<int> Stops, Sampling Sampling);

public enum FinishReason
{
    /// <summary>A token of <see cref="EngineRequest.Stops"/> came.</summary>
    Stop,

    /// <summary>As many tokens as were asked for, or as the context holds.</summary>
    Length,

    Cancelled,

    /// <summary>The adapter could not be loaded, or its answer was not a number.</summary>
    Failed,
}

/// <summary>Where a request's adapter was when it was admitted.</summary>
public enum Tier
{
    Base,
    Slot,
    Memory,
    Storage,
}

/// <param name="LogProbability">NaN where it was not asked for.</param>
public readonly record struct GeneratedToken(int Id, float LogProbability)
{
    /// <summary>When it was chosen, by the engine's clock: whoever reads it may come later.</summary>
    public long Chosen { get; init; }

    /// <summary>By what was said, not by when.</summary>
    public bool Equals(GeneratedToken other) => Id == other.Id && LogProbability.Equals(other.LogProbability);

    public override int GetHashCode() => HashCode.Combine(Id, LogProbability);
}

/// <summary>How a request ended.</summary>
/// <param name="Error">Where it failed.</param>
/// <param name="Queued">From submission to the first step.</param>
/// <param name="FirstToken">From submission; zero where none came.</param>
/// <param name="CachedTokens">Of the prompt, found in kept pages.</param>
public sealed record EngineResult(FinishReason Reason, string? Error, Tier Tier, TimeSpan Queued, TimeSpan FirstToken, TimeSpan Total, int PromptTokens, int CachedTokens, int NewTokens);

/// <summary>An answer as it comes.</summary>
public sealed class EngineAnswer
{
    private readonly Channel<GeneratedToken> _tokens = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleWriter = true, SingleReader = true });
    private readonly TaskCompletionSource<EngineResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<EngineAnswer> _cancel;

    internal EngineAnswer(Action<EngineAnswer> cancel) => _cancel = cancel;

    /// <summary>Ends with the last token, whatever the reason.</summary>
    public ChannelReader<GeneratedToken> Tokens => _tokens.Reader;

    /// <summary>Never throws: a failure is a result too.</summary>
    public Task<EngineResult> Result => _result.Task;

    /// <summary>Frees what the request holds before the next step. Harmless when it is over.</summary>
    public void Cancel() => _cancel(this);

    internal void Add(GeneratedToken token) => _tokens.Writer.TryWrite(token);

    internal void End(EngineResult result)
    {
        _result.TrySetResult(result);
        _tokens.Writer.TryComplete();
    }
}

/// <summary>The engine has as many waiting requests as it may.</summary>
public sealed class QueueFullException(int limit) : Exception($"{limit} requests are waiting already; try again later");
