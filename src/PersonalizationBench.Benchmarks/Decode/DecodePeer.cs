using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Kernels;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <param name="Rounds">Ours and theirs in turn, after one that warms up.</param>
/// <param name="Prompt">Tokens, drawn.</param>
/// <param name="Answer">Tokens that each sequence is given.</param>
public sealed record DecodePeerOptions(int Rounds, int Prompt, int Answer)
{
    /// <summary>Decoded at once.</summary>
    public static IReadOnlyList<int> Sequences { get; } = [1, 32];
}

/// <summary>Greedy decoding here and by llama.cpp in the same process: the same f32 weights, prompts and threads.</summary>
public static class DecodePeer
{
    /// <summary>The base of this name is drawn, not trained, in the shape of a common small model.</summary>
    public const string Drawn = "drawn-135m";

    /// <summary>That shape: SmolLM2-135M's.</summary>
    public static DecoderConfig DrawnShape { get; } = new(49152, 576, 30, 9, 3, 1536, 2048);

    /// <param name="name">Of a plain Llama, or <see cref="Drawn"/>.</param>
    public static LoadedBase Load(IBaseCatalog bases, string name)
    {
        if (name != Drawn) return bases.Load(name, Precision.Float32, "cpu") as LoadedBase ?? throw new PbenchException($"base '{name}' cannot be decoded by llama.cpp");
        var weights = DecoderWeights.Initialise(DrawnShape, seed: 1, Precision.Float32);
        return new LoadedBase(new BaseInfo(name, DrawnShape.ModelType, "", DrawnShape.Parameters, DrawnShape.ContextLength, DrawnShape.SmallestDimensions()), weights, TrainingWorkload.Tokenizer);
    }

    /// <param name="folder">Where the base is written for llama.cpp.</param>
    public static List<DecodePeerRecord> Measure(LoadedBase loaded, string folder, DecodePeerOptions options, TimeProvider clock, CancellationToken cancellation)
    {
        if (options.Prompt + options.Answer > loaded.Config.ContextLength)
            throw new PbenchException(FormattableString.Invariant($"prompt and answer of {options.Prompt} + {options.Answer} tokens are more than the base's context of {loaded.Config.ContextLength}"));
        var path = Path.Combine(folder, "base.gguf");
        LlamaGguf.WriteBase(path, loaded, GgufElement.F32);
        return [.. DecodePeerOptions.Sequences.Select(sequences => Measure(loaded, path, sequences, options, clock, cancellation))];
    }

    private static DecodePeerRecord Measure(LoadedBase loaded, string path, int sequences, DecodePeerOptions options, TimeProvider clock, CancellationToken cancellation)
    {
        // Theirs is asked in the way that is fastest here.
        var variant = LlamaSharpVariant.All.MinBy(v =>
        {
            using var trial = Theirs(v);
            return Enumerable.Range(0, 2).Min(_ => trial.Decode(Asked(0), options.Answer, clock).Tokens.Median());
        })!;
        using var theirs = Theirs(variant);
        var (prompts, tokens) = (new List<TimedPair>(), new List<TimedPair>());
        var (looked, same, largest) = (0, 0, 0.0);
        for (var round = 0; round <= options.Rounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            var asked = Asked(round);
            // Many sequences need not begin together: a token's time is what the further ones take beyond the first.
            var (_, first, _) = Ours(1);
            var (answers, all, own) = Ours(options.Answer);
            var (_, theirFirst, theirTokens) = theirs.Decode(asked, options.Answer, clock);
            if (round == 0) continue;
            prompts.Add(new TimedPair(first, theirFirst));
            tokens.Add(sequences == 1 ? new TimedPair(own.Median(), theirTokens.Median()) : new TimedPair((all - first) / theirTokens.Count, theirTokens.Average()));
            var gaps = theirs.Gaps(asked[0], answers[0].Tokens);
            (looked, same, largest) = (looked + gaps.Length, same + gaps.Count(g => g == 0), Math.Max(largest, gaps.Max()));

            (IReadOnlyList<Generation> Answers, double Seconds, IReadOnlyList<double> Tokens) Ours(int answer)
            {
                var (meter, started) = (new CostMeter(clock), clock.GetTimestamp());
                var generated = loaded.Generate([.. asked.Select(prompt => new GenerationRequest(prompt, answer))], meter, cancellation);
                return (generated, clock.GetElapsedTime(started).TotalSeconds, meter.PerTokenSeconds);
            }
        }
        var (prompt, further) = (new PairedTiming(prompts), new PairedTiming(tokens));
        return new DecodePeerRecord
        {
            Base = loaded.Info.Name,
            Parameters = loaded.Config.Parameters,
            Engine = Engine.Description,
            Theirs = $"{LlamaSharpModel.Version}{(variant.IsUnified ? ", one cache" : "")}{(variant.HasFlashAttention ? ", flash attention" : "")}",
            Threads = Engine.Threads,
            WaitPolicy = Engine.WaitPolicy,
            Sequences = sequences,
            Prompt = options.Prompt,
            Answer = options.Answer,
            Rounds = options.Rounds,
            OursTokenMs = 1e3 * further.OursSeconds,
            TheirsTokenMs = 1e3 * further.TheirsSeconds,
            Ratio = further.Ratio,
            RatioMin = further.SmallestRatio,
            RatioMax = further.LargestRatio,
            OursFastestMs = 1e3 * tokens.Min(t => t.Ours),
            TheirsFastestMs = 1e3 * tokens.Min(t => t.Theirs),
            OursPromptMs = 1e3 * prompt.OursSeconds,
            TheirsPromptMs = 1e3 * prompt.TheirsSeconds,
            PromptRatio = prompt.Ratio,
            Tokens = looked,
            Same = same,
            LargestGap = largest,
        };

        LlamaSharpModel Theirs(LlamaSharpVariant v) => new(path, sequences, options.Prompt + options.Answer, Engine.Threads, v);

        int[][] Asked(int round)
        {
            var random = DeterministicRandom.For(round, "decode-peer");
            return [.. Enumerable.Range(0, sequences).Select(_ => Enumerable.Range(0, options.Prompt).Select(_ => random.Next(loaded.Config.VocabularySize)).ToArray())];
        }
    }
}
