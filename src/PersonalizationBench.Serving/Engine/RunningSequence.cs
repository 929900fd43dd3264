using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Serving;

/// <summary>A request inside the engine: waiting, then running.</summary>
internal sealed class RunningSequence(EngineRequest request, EngineAnswer answer, AdapterLease? adapter, PageKey start, int longest, long submitted)
{
    public EngineRequest Request => request;

    public EngineAnswer Answer => answer;

    public AdapterLease? Adapter => adapter;

    /// <summary>Of its base and adapter, for pages.</summary>
    public PageKey Start => start;

    /// <summary>Most tokens that it can come to.</summary>
    public int Longest => longest;

    public long Submitted => submitted;

    public List<int> Tokens { get; } = [.. request.Prompt];

    /// <summary>Tokens whose keys and values are written.</summary>
    public int Done { get; set; }

    public int NewTokens => Tokens.Count - request.Prompt.Count;

    public Tier Tier { get; set; }

    /// <summary>Null until it runs.</summary>
    public PageLease? Pages { get; set; }

    /// <summary>-1: the base.</summary>
    public int Slot { get; set; } = -1;

    public long Admitted { get; set; }

    public long FirstToken { get; set; }

    public Sampler Sampler { get; } = new(request.Sampling);
}
