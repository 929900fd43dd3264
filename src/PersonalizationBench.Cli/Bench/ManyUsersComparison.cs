using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using TorchSharp;

namespace PersonalizationBench.Cli.Bench;

/// <summary>
/// Users adapted together in one bank against the same users one after another: the same trainer, settings, texts and seeds,
/// so the losses must be the same; what differs is how well the machine is used. A user has what a person might write in an
/// afternoon, 16 texts of 40 words, and a step reads eight of them as in the studies: alone that is too little for the machine.
/// How much there is to gain hangs on the precision: in bf16 the products are so fast that what each step costs beside them
/// counts, and a bank pays it once for all; in f32 the products take the time, and they are as many either way. The same holds
/// of the step in one call that processors with bf16 tiles take: it leaves so little beside the products that a user alone is
/// trained nearly as well as in company. What a bank gains by itself is therefore measured by operators, as on any other device.
/// </summary>
internal sealed class ManyUsersComparison(PairingOptions options)
{
    private const double Tolerance = 1e-3;

    /// <summary>Ratio wanted of so many users or more on the shipped base's shape, in the precision that this machine takes by itself.</summary>
    private const double Goal = 3;
    private const int UsersOfGoal = 32;
    private const int TextsPerUser = 16, WordsPerText = 40;

    public PeerRecord Run(TrainingWorkload workload, Precision precision, int threads, int users, int steps, bool byOperators, CancellationToken cancellation)
    {
        torch.set_num_threads(threads);
        var weights = LlamaWeights.Initialise(workload.Model, seed: 1, precision);
        var name = ComputePrecision.Name(weights.ComputeType);
        var byItself = ComputePrecision.Name(ComputePrecision.Choose(workload.Model, Precision.Auto, "cpu"));
        var info = new BaseInfo(workload.Name, "llama", "", workload.Model.Parameters, workload.Model.ContextLength, workload.Model.SmallestDimensions()) { Precision = name, Device = "cpu" };
        using var loaded = new LoadedBase(info, weights, TrainingWorkload.Tokenizer);
        var corpora = Enumerable.Range(0, users).Select(Corpus).ToList();
        using var packed = byOperators ? null : weights.TryPack();
        var way = packed is null ? "by operators" : "in one call";
        var lora = new LoraOptions();
        var training = new AdapterTrainingOptions { Steps = steps, MaxTokensPerStep = int.MaxValue, ByOperators = byOperators };

        // Once each before the clock runs: the losses are compared, and both ways are warm.
        var together = Together();
        var apart = Apart();
        var pairs = new List<TimedPair>();
        while (pairs.Count < options.Pairs)
        {
            cancellation.ThrowIfCancellationRequested();
            pairs.Add(new TimedPair(Timed(() => Together()), Timed(() => Apart())));
        }
        var timing = new PairedTiming(pairs);
        return new PeerRecord
        {
            Comparison = "many-users",
            Ours = FormattableString.Invariant($"{users} users in one bank, {way}"),
            Reference = $"one after another, {way}",
            Model = workload.Name,
            Parameters = workload.Model.Parameters,
            Precision = name,
            DefaultPrecision = byItself,
            Threads = threads,
            Pairs = pairs.Count,
            Steps = steps,
            TokensPerStep = together.Sum(t => t.Tokens) / steps,
            OursMsPerStep = 1e3 * timing.OursSeconds / steps,
            ReferenceMsPerStep = 1e3 * timing.TheirsSeconds / steps,
            Ratio = timing.Ratio,
            RatioMin = timing.SmallestRatio,
            RatioMax = timing.LargestRatio,
            LossesCompared = users * steps,
            LossDifference = together.Zip(apart, (a, b) => Losses.RelativeDifference(a.Losses, b.Losses)).Max(),
            LossTolerance = Tolerance,
            Goal = packed is null && name == byItself && workload == TrainingWorkload.All[0] && users >= UsersOfGoal ? Goal : null,
            Libtorch = torch.__version__,
        };

        static SlotCorpus Corpus(int user)
        {
            var random = DeterministicRandom.For(user, "many-users");
            return new SlotCorpus(user, [.. Enumerable.Range(0, TextsPerUser).Select(_ => new TrainingText([new TextSegment(TrainingWorkload.Text(random, WordsPerText), 1)]))]) { Seed = user };
        }

        IReadOnlyList<SlotTraining> Together()
        {
            using var bank = new AdapterBank(workload.Model, users, lora);
            for (var user = 0; user < users; user++) bank.Initialise(user, user);
            return AdapterTrainer.Train(loaded, bank, corpora, training, CostMeter.Unread(), cancellation);
        }

        List<SlotTraining> Apart()
        {
            var results = new List<SlotTraining>();
            for (var user = 0; user < users; user++)
            {
                using var bank = new AdapterBank(workload.Model, 1, lora);
                bank.Initialise(0, user);
                results.AddRange(AdapterTrainer.Train(loaded, bank, [corpora[user] with { Slot = 0 }], training, CostMeter.Unread(), cancellation));
            }
            return results;
        }
    }

    private static double Timed(Action action)
    {
        var begun = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }
}
