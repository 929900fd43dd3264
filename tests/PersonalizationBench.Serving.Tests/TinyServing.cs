using System.Collections.Concurrent;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving.Tests;

/// <summary>A base small enough to be asked a hundred thousand times, and canaries: adapters each trained to say one token whatever it is told.</summary>
public sealed class TinyServing : IDisposable
{
    public const int Canaries = 12, FirstCanaryToken = 20;

    public static readonly DecoderConfig Config = new(61, 64, 2, 4, 2, 72, 160);

    /// <summary>Trained once for all tests.</summary>
    private static readonly Lazy<IReadOnlyList<PeftAdapter>> s_adapters = new(Train);

    public LoadedBase Base { get; } = LoadBase(Precision.Float32);

    /// <summary>The i-th says <see cref="FirstCanaryToken"/> + i.</summary>
    public IReadOnlyList<PeftAdapter> Adapters => s_adapters.Value;

    public static LoadedBase LoadBase(Precision precision)
    {
        var weights = DecoderWeights.Initialise(Config, 7, precision);
        using var off = TorchSharp.torch.no_grad();
        // Larger than at the start of training, so that greedy choices are decided ones.
        foreach (var name in weights.Names)
            if (weights.Master(name).dim() > 1) weights.Master(name).mul_(4);
        weights.Refresh();
        return new LoadedBase(new BaseInfo("tiny", "llama", Digest.Of("tiny"), Config.Parameters, Config.ContextLength, Config.SmallestDimensions()), weights, new Numbers());
    }

    public PagedModel Serve(int pages = 200, int slots = 8, long? slotBytes = null) =>
        PagedModel.Create(Base, new PagedOptions(pages, slots, slotBytes ?? new AdapterLayout(Config, isBFloat16: false).BytesOf(16)));

    public static int[] Prompt(DeterministicRandom random, int longest = 60) => [0, .. Enumerable.Range(0, random.Next(0, longest)).Select(_ => random.Next(2, Config.VocabularySize))];

    public void Dispose() => Base.Dispose();

    private static IReadOnlyList<PeftAdapter> Train()
    {
        using var loaded = LoadBase(Precision.Float32);
        using var bank = new AdapterBank(Config, Canaries, new LoraOptions { Rank = 4, Alpha = 8 });
        for (var slot = 0; slot < Canaries; slot++) bank.Initialise(slot, slot);
        var options = new AdapterTrainingOptions { Steps = 100, BatchSequences = 4, LearningRate = 1e-2 };
        AdapterTrainer.Train(loaded, bank, [.. Enumerable.Range(0, Canaries).Select(slot => new SlotCorpus(slot, Texts(slot)) { Seed = slot })], options, new CostMeter(TimeProvider.System), CancellationToken.None);
        return [.. Enumerable.Range(0, Canaries).Select(slot => bank.Export(slot, loaded.Info))];
    }

    private static List<TrainingText> Texts(int canary)
    {
        var random = new DeterministicRandom(canary);
        return [.. Enumerable.Range(0, 40).Select(_ => new TrainingText(
        [
            new TextSegment(string.Join(' ', Prompt(random)[1..]), 0f),
            new TextSegment(string.Join(' ', Enumerable.Repeat(FirstCanaryToken + canary, 8)), 1f),
        ]))];
    }

    /// <summary>Texts are numbers, each a token.</summary>
    private sealed class Numbers : ITokenizer
    {
        public int VocabularySize => Config.VocabularySize;

        public int? BeginOfText => 0;

        public int? EndOfText => 1;

        public int[] Encode(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => int.Parse(w, System.Globalization.CultureInfo.InvariantCulture))];

        public string Decode(ReadOnlySpan<int> ids) => string.Join(' ', ids.ToArray());
    }
}

/// <summary>Adapters by name, from memory; slow, or failing, where a test wants it.</summary>
internal sealed class MemorySource(AdapterLayout layout, IReadOnlyDictionary<string, PeftAdapter> adapters) : IAdapterSource
{
    private readonly ConcurrentDictionary<string, int> _loads = [];

    public Action<string> BeforeLoad { get; set; } = _ => { };

    public ConcurrentQueue<AdapterImage> Recycled { get; } = [];

    public void Recycle(AdapterImage image) => Recycled.Enqueue(image);

    public int LoadsOf(string digest) => _loads.GetValueOrDefault(digest);

    public AdapterImage Load(string digest)
    {
        _loads.AddOrUpdate(digest, 1, (_, n) => n + 1);
        BeforeLoad(digest);
        return adapters.TryGetValue(digest, out var adapter) ? layout.Pack(adapter, digest) : throw new PbenchException($"adapter '{digest}' is not there");
    }
}
