using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Load;
using PersonalizationBench.Models;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary>The way of a request without HTTP: key, policy, engine. Nothing is resident when it begins.</summary>
public sealed class LoadTarget : ILoadTarget
{
    private static readonly HashSet<int> s_noStops = [];
    private readonly LoadPopulation _population;
    private readonly bool _withLogProbabilities;
    private long _asked, _authorise, _resolve;

    public LoadTarget(LoadedBase loaded, LoadServer server, LoadPopulation population, bool withLogProbabilities, int sequences)
    {
        (_population, _withLogProbabilities) = (population, withLogProbabilities);
        // Whatever type the products have, a slot has room for the largest.
        var slotBytes = new AdapterLayout(loaded.Config, isBFloat16: false).BytesOf(population.Rank);
        var model = PagedModel.Create(loaded, new PagedOptions((int)(server.KvMemory * (1L << 20) / PagedModel.BytesOfPage(loaded)), server.Slots, slotBytes));
        Source = new TimedSource(population.Registry.Blobs, model.Layout, loaded.Info.Digest);
        Cache = new AdapterCache(Source, server.AdapterMemory * (1L << 20), TimeProvider.System);
        // Whoever waits, waits: a refusal would hide how long.
        Engine = new ServingEngine(model, loaded.Info.Digest, Cache, new EngineOptions { MaxSequences = sequences, MaxWaiting = int.MaxValue / 2 }, TimeProvider.System);
    }

    /// <summary>What each request gets alone, held against what it got among others.</summary>
    public static LoadOracle Oracle(LoadedBase loaded, LoadServer server, LoadPopulation population, bool withLogProbabilities) =>
        new(new LoadTarget(loaded, server with { Slots = 1 }, population, withLogProbabilities, sequences: 1));

    public ServingEngine Engine { get; }

    public AdapterCache Cache { get; }

    public TimedSource Source { get; }

    public LoadCounts Counts => new(Engine.Metrics.Tokens, Engine.Metrics.Steps, Engine.Metrics.Sequences, Engine.Metrics.Adapters);

    /// <summary>Mean seconds of finding out whose a key is, and which revision is meant.</summary>
    public (double Authorise, double Resolve) Means
    {
        get
        {
            var asked = Math.Max(1, Interlocked.Read(ref _asked)) * (double)Stopwatch.Frequency;
            return (Interlocked.Read(ref _authorise) / asked, Interlocked.Read(ref _resolve) / asked);
        }
    }

    public async Task<LoadAnswer> AskAsync(LoadRequest request, long due)
    {
        var started = Stopwatch.GetTimestamp();
        var key = _population.Registry.Authenticate(_population.Secret) ?? throw new PbenchException("the key is not valid any more");
        var known = Stopwatch.GetTimestamp();
        var digest = request.Policy < 0 ? null : _population.Registry.Resolve(key.Owner, LoadPopulation.PolicyName(request.Policy)).Digest;
        var submitted = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _asked);
        Interlocked.Add(ref _authorise, known - started);
        Interlocked.Add(ref _resolve, submitted - known);
        return await SubmitAsync(request, digest, Stopwatch.GetElapsedTime(due, submitted));
    }

    public async Task<LoadAnswer> SubmitAsync(LoadRequest request, string? digest, TimeSpan late)
    {
        var answer = Engine.Submit(new EngineRequest(request.Prompt, request.Tokens, digest, s_noStops, new Sampling(LogProbabilities: _withLogProbabilities)));
        if (request.CancelAfter is { } after)
        {
            await Task.WhenAny(answer.Result, Task.Delay(after));
            answer.Cancel();
        }
        var result = await answer.Result;
        var tokens = new List<LoadToken>(request.Tokens);
        while (answer.Tokens.TryRead(out var token)) tokens.Add(new LoadToken(token.Id, token.LogProbability));
        return new LoadAnswer(
            request, digest, End(result.Reason), Place(result.Tier), tokens,
            result.FirstToken == TimeSpan.Zero ? double.NaN : (late + result.FirstToken).TotalSeconds,
            result.NewTokens < 2 ? double.NaN : (result.Total - result.FirstToken).TotalSeconds / (result.NewTokens - 1));
    }

    public void Dispose() => Engine.Dispose();

    private static LoadEnd End(FinishReason reason) => reason switch
    {
        FinishReason.Cancelled => LoadEnd.Cancelled,
        FinishReason.Failed => LoadEnd.Failed,
        _ => LoadEnd.Answered,
    };

    private static AdapterPlace Place(Tier tier) => tier switch
    {
        Tier.Base => AdapterPlace.Base,
        Tier.Slot => AdapterPlace.Slot,
        Tier.Memory => AdapterPlace.Memory,
        _ => AdapterPlace.Storage,
    };
}
