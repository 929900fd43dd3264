using System.Diagnostics;
using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Data.World;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Kernels;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// The same base, adapters, texts and prompts here and in transformers with peft, in turns on one device: one adapter trained, many users'
/// adapters trained (here in one bank, there one after another), and a batch answered whose rows have none, one or many adapters
/// (there by peft's batches of mixed adapters).
/// </summary>
public sealed class HuggingFaceComparison(IBaseCatalog bases, string python, string baseName, string baseFolder, string device, Precision precision, HuggingFaceOptions options)
{
    public const string ScriptName = "hugging_face.py";

    private readonly LoraOptions _lora = new() { Rank = options.Rank, Alpha = 2 * options.Rank };

    public IReadOnlyList<HuggingFaceRecord> Run(string folder, Action<HuggingFaceRecord> add, CancellationToken cancellation)
    {
        using var loaded = (LoadedBase)bases.Load(baseName, precision, device);
        if (!loaded.Config.IsPlainLlama) throw new PbenchException($"{baseName}: its architecture is not a plain Llama's; the comparison is of these");
        var dataset = new WorldLoader().Load(new WorldOptions { Population = Population.Tuning, Users = options.Users });
        var corpora = dataset.Users.Select((u, slot) => new SlotCorpus(slot, [.. u.History.Select(d => new TrainingText([new TextSegment(d.Text + dataset.Format.DocumentSeparator, 1)]))]) { Seed = slot }).ToList();
        var training = new AdapterTrainingOptions { Steps = options.Steps, BatchSequences = HuggingFaceOptions.BatchSequences, LearningRate = RepeatedTraining.LearningRate };
        var random = DeterministicRandom.For(options.Rank, "hugging-face");
        var prompts = Enumerable.Range(0, options.Users).Select(_ => Enumerable.Range(0, options.Prompt).Select(_ => random.Next(2, loaded.Config.VocabularySize)).ToArray()).ToList();
        var adapters = Enumerable.Range(0, options.Distinct.Max()).Select(i => DrawnAdapter.Make(loaded, options.Rank, FormattableString.Invariant($"hugging-face {i}"), strength: 0.1)).ToList();
        using var peer = PeerProcess.Start(python, PeerProcess.Script(ScriptName), JobOf(loaded, corpora, training, prompts, adapters, folder), folder, "passive");

        var records = new List<HuggingFaceRecord>();
        foreach (var count in new[] { 1, options.Users }.Distinct()) Add(Train(loaded, corpora[..count], training, peer, cancellation));
        using var bank = new AdapterBank(loaded.Config, Math.Max(1, adapters.Count), _lora, loaded.Weights.Device);
        for (var i = 0; i < adapters.Count; i++) bank.Import(i, adapters[i], FormattableString.Invariant($"adapter {i}"));
        using (loaded.UseAdapters(bank))
            foreach (var distinct in options.Distinct) Add(Generate(loaded, prompts, distinct, peer, cancellation));
        return records;

        void Add(HuggingFaceRecord record)
        {
            records.Add(record);
            add(record);
        }
    }

    private HuggingFaceRecord Train(LoadedBase loaded, List<SlotCorpus> corpora, AdapterTrainingOptions training, PeerProcess peer, CancellationToken cancellation)
    {
        // Once each before the clock runs: the losses are compared, and both are warm.
        var ours = AdapterWorkload.Together(loaded, _lora, corpora, training, cancellation);
        var command = FormattableString.Invariant($"train {corpora.Count}");
        var theirs = peer.Ask(command);
        var timing = Timing(() => AdapterWorkload.Together(loaded, _lora, corpora, training, cancellation), () => peer.Ask(command).Seconds.Sum(), cancellation);
        return Record("train", corpora.Count, HuggingFaceOptions.BatchSequences, ours.Sum(t => t.Tokens), timing, loaded, peer) with
        {
            LossDifference = Losses.RelativeDifference([.. ours.SelectMany(t => t.Losses)], theirs.Losses),
            Goal = corpora.Count == 1 ? 1 : corpora.Count >= 64 ? 10 : null,
        };
    }

    private HuggingFaceRecord Generate(LoadedBase loaded, List<int[]> prompts, int distinct, PeerProcess peer, CancellationToken cancellation)
    {
        var requests = prompts.Select((p, i) => new GenerationRequest(p, options.NewTokens, distinct == 0 ? -1 : i % distinct)).ToList();
        var ours = loaded.Generate(requests, CostMeter.Unread(), cancellation);
        var command = FormattableString.Invariant($"generate {distinct}");
        var theirs = peer.Ask(command).Tokens ?? throw new PbenchException("the peer gave no answers");
        var timing = Timing(() => loaded.Generate(requests, CostMeter.Unread(), cancellation), () => peer.Ask(command).Seconds.Sum(), cancellation);
        return Record("generate", distinct, prompts.Count, (long)prompts.Count * options.NewTokens, timing, loaded, peer) with
        {
            SameFirstTokens = ours.Zip(theirs).Average(p => p.First.Tokens[0] == p.Second[0] ? 1.0 : 0),
            SameTokens = ours.Zip(theirs).SelectMany(p => p.First.Tokens.Zip(p.Second)).Average(t => t.First == t.Second ? 1.0 : 0),
        };
    }

    private PairedTiming Timing(Action ours, Func<double> theirs, CancellationToken cancellation)
    {
        var pairs = new List<TimedPair>();
        while (pairs.Count < options.Pairs)
        {
            cancellation.ThrowIfCancellationRequested();
            var begun = Stopwatch.GetTimestamp();
            ours();
            if (device == "cuda") torch.cuda.synchronize();
            pairs.Add(new TimedPair(Stopwatch.GetElapsedTime(begun).TotalSeconds, theirs()));
        }
        return new PairedTiming(pairs);
    }

    private HuggingFaceRecord Record(string work, int adapters, int rows, long tokens, PairedTiming timing, LoadedBase loaded, PeerProcess peer) => new()
    {
        Work = work,
        Device = device,
        Base = loaded.Info.Name,
        Parameters = loaded.Config.Parameters,
        Precision = ComputePrecision.Name(loaded.Weights.ComputeType),
        Rank = options.Rank,
        Adapters = adapters,
        Rows = rows,
        Tokens = tokens,
        Pairs = timing.Pairs.Count,
        OursTokensPerSecond = tokens / timing.OursSeconds,
        TheirsTokensPerSecond = tokens / timing.TheirsSeconds,
        Ratio = timing.Ratio,
        RatioMin = timing.SmallestRatio,
        RatioMax = timing.LargestRatio,
        Libtorch = torch.__version__,
        TheirsTorch = peer.TorchVersion,
        Theirs = peer.Versions,
    };

    /// <summary>Writes the adapters for the peer to read: what each user begins with, and those that answer.</summary>
    private HuggingFaceJob JobOf(LoadedBase loaded, IReadOnlyList<SlotCorpus> corpora, AdapterTrainingOptions training, IReadOnlyList<int[]> prompts, IReadOnlyList<PeftAdapter> adapters, string folder)
    {
        using var bank = new AdapterBank(loaded.Config, 1, _lora);
        return new HuggingFaceJob(loaded.Config, PeerOptimizer.Of(training))
        {
            Device = device,
            Precision = ComputePrecision.Name(loaded.Weights.ComputeType),
            Threads = torch.get_num_threads(),
            Weights = baseFolder,
            Users = [.. corpora.Select(corpus => AdapterJobUser.Write(folder, loaded, bank, corpus, training))],
            Adapters = [.. adapters.Select(Save)],
            Prompts = prompts,
            NewTokens = options.NewTokens,
        };

        string Save(PeftAdapter adapter, int i)
        {
            var path = Path.Combine(folder, "adapters", i.ToString(CultureInfo.InvariantCulture));
            PeftAdapterFile.Save(path, adapter);
            return path;
        }
    }
}
