using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Kernels;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// A token's time and memory as the context grows, a transformer against a Mamba-2 of about as many weights. The weights are drawn, not
/// trained: what is timed does not hang on their values.
/// </summary>
public static class DecodeBenchmark
{
    /// <summary>Tokens that each round writes after its prompt.</summary>
    public const int TokensPerRound = 32;

    private const int Vocabulary = 1283;

    /// <summary>The shape of the shipped base, and mixers alone with as many weights.</summary>
    public static IReadOnlyList<DecoderConfig> Models(int context) =>
    [
        new(Vocabulary, 128, 4, 4, 4, 352, context),
        new(Vocabulary, 128, 7, 0, 0, 0, context) { ModelType = "mamba2", StateSpace = new StateSpaceShape(Heads: 8, HeadDimension: 32, StateSize: 64) },
    ];

    public static List<DecodeRecord> Measure(int longest, int rounds, TimeProvider clock, CancellationToken cancellation)
    {
        int[] contexts = [.. Enumerable.Range(0, 16).Select(i => 64 << (2 * i)).TakeWhile(c => c > 0 && c <= longest)];
        var models = Models(longest + TokensPerRound + 1).Select(Load).ToList();
        try
        {
            var timings = models.SelectMany(m => contexts.Select(c => (Model: m, Context: c))).ToDictionary(k => k, _ => new List<(double Token, double First, long Cache)>());
            // The first round warms up. Architectures take turns, so that whatever else the machine does falls on both.
            for (var round = 0; round <= rounds; round++)
            {
                foreach (var context in contexts)
                {
                    foreach (var model in models)
                    {
                        cancellation.ThrowIfCancellationRequested();
                        var timing = Time(model, context, clock, cancellation);
                        if (round > 0) timings[(model, context)].Add(timing);
                    }
                }
            }
            return [.. timings.Select(t => Record(t.Key.Model, t.Key.Context, t.Value))];
        }
        finally
        {
            foreach (var model in models) model.Dispose();
        }
    }

    private static LoadedBase Load(DecoderConfig config)
    {
        var weights = DecoderWeights.Initialise(config, seed: 1, Precision.Auto);
        return new LoadedBase(new BaseInfo(config.ModelType, config.ModelType, "", config.Parameters, config.ContextLength, config.SmallestDimensions()), weights, TrainingWorkload.Tokenizer);
    }

    private static (double Token, double First, long Cache) Time(LoadedBase model, int context, TimeProvider clock, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(context, "decode");
        var meter = new CostMeter(clock);
        model.Generate([new GenerationRequest([.. Enumerable.Range(0, context).Select(_ => random.Next(Vocabulary))], TokensPerRound)], meter, cancellation);
        return (meter.PerTokenSeconds.Median(), meter.FirstTokenSeconds[0], (long)meter.CacheBytesPerSequence!.Value);
    }

    private static DecodeRecord Record(LoadedBase model, int context, List<(double Token, double First, long Cache)> rounds) => new()
    {
        Architecture = model.Config.StateSpace is null ? "transformer" : "mamba2",
        Parameters = model.Config.Parameters,
        Precision = model.Info.Precision,
        Threads = torch.get_num_threads(),
        Context = context,
        Tokens = rounds.Count * (TokensPerRound - 1),
        TokenMs = 1e3 * rounds.Select(r => r.Token).Median(),
        TokenMsMin = 1e3 * rounds.Min(r => r.Token),
        TokenMsMax = 1e3 * rounds.Max(r => r.Token),
        FirstTokenMs = 1e3 * rounds.Select(r => r.First).Median(),
        CacheBytes = rounds[0].Cache,
    };
}
