using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tokenizers.ChatTemplates;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>A base in memory, with an adapter bank or a user's own weights put in and taken out. Not thread-safe.</summary>
public sealed class LoadedBase : IBaseModel
{
    private readonly RotaryTable _rotary;
    private DecoderWeights _inUse;
    private AdapterBank? _adapters;
    private CartridgeBank? _cartridges;
    private PagedAnswering? _paged;

    /// <summary>Takes ownership of <paramref name="weights"/>. Precision and device are filled into the information.</summary>
    /// <exception cref="NotEnoughMemoryException">The context is longer than there is memory for its angles.</exception>
    public LoadedBase(BaseInfo info, DecoderWeights weights, ITokenizer tokenizer)
    {
        Info = info with { Precision = ComputePrecision.Name(weights.ComputeType), Device = weights.Device, Engine = Engine.Description, Threads = Engine.Threads };
        (Weights, _inUse, Tokenizer) = (weights, weights, tokenizer);
        _rotary = MachineMemory.Take(info.Name, FormattableString.Invariant($"the rotary angles of {Config.ContextLength} positions"), RotaryTable.BytesOf(Config), weights.Device, () => new RotaryTable(Config, weights.Device));
    }

    public BaseInfo Info { get; }

    public ITokenizer Tokenizer { get; }

    /// <summary>Gives how a conversation is written for this base, null where nothing says it. Read when asked for: a template
    /// that cannot be read keeps nobody from what needs none.</summary>
    public Func<ChatTemplate?> ChatTemplate { get; init; } = () => null;

    /// <summary>Opens the base's files once more; null where it has none.</summary>
    internal Func<WeightsReader, DecoderWeights>? ReadAgain { get; init; }

    public DecoderConfig Config => Weights.Config;

    /// <summary>The base's own weights, whatever is swapped in.</summary>
    public DecoderWeights Weights { get; }

    /// <summary>Whether a plain Llama on the CPU answers by the steps of a server; null: where there is a kernel for them.</summary>
    public bool? AnswersInPages { get; set; }

    /// <summary>What several prompts of a call begin with, such as a user's history, is read once; false is for comparing.</summary>
    public bool SharesPrefixes { get; set; } = true;

    internal RotaryTable Rotary => _rotary;

    /// <summary>Where the slots of requests point until the result is disposed; nests. The bank stays the caller's.</summary>
    public IDisposable UseAdapters(AdapterBank bank)
    {
        if (bank.Config != Config) throw new ArgumentException("the bank was made for a base of another shape", nameof(bank));
        var before = _adapters;
        _adapters = bank;
        return new Restore(() => _adapters = before);
    }

    /// <summary>What requests with a slot stand behind until the result is disposed; adapters are out of use meanwhile. The bank stays the caller's.</summary>
    public IDisposable UseCartridges(CartridgeBank bank)
    {
        if (bank.Config != Config) throw new ArgumentException("the bank was made for a base of another shape", nameof(bank));
        var before = _cartridges;
        _cartridges = bank;
        return new Restore(() => _cartridges = before);
    }

    /// <summary>Answers with a user's own weights until the result is disposed; nests. The weights stay the caller's.</summary>
    public IDisposable UseWeights(PersonalWeights weights)
    {
        if (weights.Weights.Config != Config) throw new ArgumentException("the weights are of another shape", nameof(weights));
        var before = _inUse;
        _inUse = weights.Weights;
        return new Restore(() => _inUse = before);
    }

    /// <summary>Another base, read anew from this one's files with an adapter in its weights, which may be anything that
    /// <see cref="AdaptedCheckpoint"/> takes. The caller's to dispose of.</summary>
    /// <param name="source">What errors call the adapter.</param>
    /// <exception cref="PbenchException">The adapter does not fit the base.</exception>
    internal LoadedBase Folded(PeftAdapter adapter, string source)
    {
        if (ReadAgain is null) throw new PbenchException($"{source}: {PeftModules.Beyond(Config, adapter)}; {Info.Name} has no files to put it into");
        var weights = ReadAgain((config, tensors) =>
        {
            var adapted = new AdaptedCheckpoint(config, tensors, adapter, source);
            return DecoderWeights.Load(adapted.Config, adapted, Weights.ComputeType == ScalarType.BFloat16 ? Precision.BFloat16 : Precision.Float32, Weights.Device);
        });
        return new LoadedBase(Info with { Digest = Digest.Of($"{Info.Digest} {adapter.Digest()}") }, weights, Tokenizer) { ChatTemplate = ChatTemplate };
    }

    public IReadOnlyList<Generation> Generate(IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation)
    {
        if (_cartridges is { } bank) requests = [.. requests.Select(r => r.Slot < 0 ? r : r with { Tokens = bank.Behind(r.Tokens) })];
        return GreedyGenerator.Generate(Model(requests.Select(r => (long)r.Tokens.Length + r.MaxNewTokens)), requests, meter, cancellation);
    }

    public IReadOnlyList<double> Score(IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation)
    {
        if (_cartridges is { } bank)
        {
            // Requests about one prompt keep sharing it.
            var behind = new Dictionary<int[], int[]>(ReferenceEqualityComparer.Instance);
            foreach (var request in requests) behind.TryAdd(request.Prompt, bank.Behind(request.Prompt));
            requests = [.. requests.Select(r => r.Slot < 0 ? r : r with { Prompt = behind[r.Prompt] })];
        }
        return Scorer.Score(Model(requests.Select(r => (long)r.Prompt.Length + r.Continuation.Length)), requests, meter, cancellation);
    }

    public double ReadingFlops(int tokens, int slot) =>
        FlopCount.Sequence(Config, tokens) + (slot < 0 || _adapters is null ? 0 : tokens * FlopCount.Adapter(Config, _adapters.Options));

    /// <summary>For each token of each continuation, the tokens that were likeliest there, with their probabilities.</summary>
    /// <param name="count">How many tokens of each place.</param>
    public IReadOnlyList<IReadOnlyList<TokenDistribution>> Likeliest(IReadOnlyList<ScoreRequest> requests, int count, CostMeter meter, CancellationToken cancellation) =>
        LikeliestTokens.Of(Model(requests.Select(r => (long)r.Prompt.Length + r.Continuation.Length)), requests, count, meter, cancellation);

    /// <param name="lengths">What the sequences may come to.</param>
    private InferenceModel Model(IEnumerable<long> lengths)
    {
        var isPaged = _cartridges is null && ReferenceEquals(_inUse, Weights) && !Weights.IsTraining && PagedAnswering.Suits(this) && (AnswersInPages ?? ServingLlama.HasKernel(Weights.ComputeType == ScalarType.BFloat16));
        if (isPaged)
        {
            var longest = (int)Math.Min(Config.ContextLength, lengths.DefaultIfEmpty(1).Max());
            if (_paged is null || _paged.WeightsVersion != Weights.Version || longest > _paged.LongestSequence)
            {
                _paged?.Dispose();
                _paged = null;
                _paged = PagedAnswering.Create(this, longest);
            }
        }
        return new InferenceModel(_inUse, _rotary, _adapters, SharesPrefixes, isPaged ? _paged : null) { Cartridges = _cartridges };
    }

    public void Dispose()
    {
        _paged?.Dispose();
        _rotary.Dispose();
        Weights.Dispose();
    }

    private sealed class Restore(Action action) : IDisposable
    {
        private Action? _action = action;

        public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
    }
}
