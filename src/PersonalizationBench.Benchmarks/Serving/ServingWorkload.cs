using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary>Which requests of a batch have an adapter.</summary>
public enum AdapterMix
{
    /// <summary>No adapter is in any slot.</summary>
    BaseOnly,

    /// <summary>Every slot has one, and nobody asks for it.</summary>
    AdaptersIdle,

    /// <summary>All ask for the same.</summary>
    OneAdapter,

    /// <summary>All ask for the same, which is merged into a base of its own: what one user's server would do.</summary>
    OneMerged,

    /// <summary>Each asks for its own.</summary>
    AllDistinct,
}

/// <summary>An engine over a base with adapters of one rank, whose values are drawn: what is timed does not hang on them.</summary>
public sealed class ServingWorkload : IDisposable
{
    /// <summary>Where another guest holds a core, one sequence of a small base may be done before the next has begun.</summary>
    private const int Attempts = 20;

    private readonly LoadedBase _loaded;
    private readonly ServingEngine _merged;
    private readonly DeterministicRandom _random = new(1);

    /// <param name="copy">The same base again; the first adapter is merged into its weights.</param>
    /// <param name="adapters">How many there are.</param>
    /// <param name="slots">How many a batch can use.</param>
    public ServingWorkload(LoadedBase loaded, LoadedBase copy, int rank, int adapters, int slots)
    {
        (_loaded, Rank, Adapters) = (loaded, rank, adapters);
        var slotBytes = new AdapterLayout(loaded.Config, isBFloat16: false).BytesOf(rank);
        var pages = (int)(64L << 20) / (int)PagedModel.BytesOfPage(loaded);
        Model = PagedModel.Create(loaded, new PagedOptions(Math.Max(pages, 1024), slots, slotBytes));
        Cache = new AdapterCache(new Drawn(loaded, Model.Layout, rank), long.MaxValue, TimeProvider.System);
        Engine = NewEngine(Model);
        using (var bank = AdapterBank.Of(copy.Config, DrawnAdapter.Make(copy, rank, Digest.Of(Name(0))), Name(0))) bank.Merge(0, copy.Weights);
        _merged = NewEngine(PagedModel.Create(copy, Model.Options with { Slots = 0 }));

        ServingEngine NewEngine(PagedModel model) => new(model, loaded.Info.Digest, Cache, new EngineOptions { MaxSequences = 64 }, TimeProvider.System);
    }

    public int Rank { get; }

    public int Adapters { get; }

    public PagedModel Model { get; }

    public AdapterCache Cache { get; }

    public ServingEngine Engine { get; }

    /// <summary>Tokens a second while all of a batch are answering: from the last one's first token to the first one's last.</summary>
    public async Task<double> DecodeAsync(AdapterMix mix, int batch, int prompt, int tokens)
    {
        if (mix == AdapterMix.AdaptersIdle) await Task.WhenAll(Enumerable.Range(0, Math.Min(Adapters, Model.Options.Slots)).Select(i => Times(Engine.Submit(Request(Name(i), 4, 1)))));
        var engine = mix == AdapterMix.OneMerged ? _merged : Engine;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            // Drawn before and handed in at once, that the first is not done when the last one comes.
            var requests = Enumerable.Range(0, batch).Select(i => Request(mix switch { AdapterMix.OneAdapter => Name(0), AdapterMix.AllDistinct => Name(i), _ => null }, prompt, tokens)).ToList();
            var answers = await Task.WhenAll(requests.ConvertAll(engine.Submit).ConvertAll(a => Task.Run(() => Times(a))));
            var (from, to) = (answers.Max(a => a[0]), answers.Min(a => a[^1]));
            if (to > from) return answers.Sum(a => a.Count(t => t > from && t <= to)) / Stopwatch.GetElapsedTime(from, to).TotalSeconds;
        }
        throw new PbenchException($"in {Attempts} attempts the {batch} sequences were never all answering at once: the machine is too busy, or the base too small, to time it");
    }

    /// <summary>Milliseconds from submission to the first token of a request that is alone.</summary>
    public async Task<double> FirstTokenAsync(string? adapter, int prompt)
    {
        var answer = Engine.Submit(Request(adapter, prompt, 1));
        return (await answer.Result).FirstToken.TotalMilliseconds;
    }

    public static string Name(int adapter) => FormattableString.Invariant($"adapter-{adapter}");

    public void Dispose()
    {
        Engine.Dispose();
        _merged.Dispose();
    }

    /// <summary>When each token came.</summary>
    private static async Task<List<long>> Times(EngineAnswer answer)
    {
        var times = new List<long>();
        await foreach (var token in answer.Tokens.ReadAllAsync()) times.Add(token.Chosen);
        return times;
    }

    private EngineRequest Request(string? adapter, int prompt, int tokens)
    {
        lock (_random)
            return new EngineRequest([.. Enumerable.Range(0, prompt).Select(_ => _random.Next(2, _loaded.Config.VocabularySize))], tokens, adapter, new HashSet<int>(), new Sampling());
    }

    /// <summary>Makes an adapter when it is asked for.</summary>
    private sealed class Drawn(LoadedBase loaded, AdapterLayout layout, int rank) : IAdapterSource
    {
        private readonly Lock _lock = new();

        public AdapterImage Load(string digest)
        {
            lock (_lock) return layout.Pack(DrawnAdapter.Make(loaded, rank, Digest.Of(digest)), digest);
        }
    }
}
