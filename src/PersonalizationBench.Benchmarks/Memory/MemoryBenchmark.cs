using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <summary>What to score.</summary>
/// <param name="Path">As in the record.</param>
/// <param name="Rows">Sequences scored in one call.</param>
/// <param name="Tokens">Of each; every one but the first is scored.</param>
public sealed record MemoryCase(string Path, int Rows, int Tokens);

/// <summary>
/// How much memory scoring takes above the base's weights, whatever is asked at once: logits of a whole batch would be larger than all
/// else. The base is of SmolLM2-135M's shape, drawn and not trained: memory does not hang on the values.
/// </summary>
public static class MemoryBenchmark
{
    /// <summary>Of the published base.</summary>
    public static readonly DecoderConfig Shape = new(49152, 576, 30, 9, 3, 1536, 8192, RopeTheta: 100000);

    private static readonly (int Rows, int Tokens)[] s_batches = [(1, 512), (8, 512), (64, 128), (2, 2048)];

    /// <summary>What is measured: every batch by operators and by steps over pages.</summary>
    public static IReadOnlyList<MemoryCase> Cases { get; } =
        [.. from path in new[] { MemoryRecord.Operators, MemoryRecord.Pages } from batch in s_batches select new MemoryCase(path, batch.Rows, batch.Tokens)];

    /// <summary>One case, in a process that has done nothing else: what an earlier one left in the allocator would be no peak of this one.</summary>
    /// <param name="measure">Runs a piece of work and gives the bytes that the process had at most meanwhile, less those before; null where they cannot be told.</param>
    public static MemoryRecord Measure(MemoryCase asked, Func<Action, long?> measure, CancellationToken cancellation)
    {
        using var loaded = new LoadedBase(
            new BaseInfo("drawn", Shape.ModelType, "", Shape.Parameters, Shape.ContextLength, Shape.SmallestDimensions()), DecoderWeights.Initialise(Shape, seed: 1, Precision.Float32), TrainingWorkload.Tokenizer);
        loaded.AnswersInPages = asked.Path == MemoryRecord.Pages;
        var requests = Enumerable.Range(0, asked.Rows).Select(row => Request(row, asked.Tokens)).ToList();
        var above = measure(() => loaded.Score(requests, CostMeter.Unread(), cancellation)) ?? throw new PbenchException("the process's memory cannot be told here: it needs Linux, and leave to write /proc/self/clear_refs");
        return new MemoryRecord { Path = asked.Path, Rows = asked.Rows, Tokens = asked.Tokens, Parameters = Shape.Parameters, WeightBytes = loaded.Weights.Bytes, AboveBytes = above, Engine = Engine.Description, Threads = Engine.Threads };
    }

    private static ScoreRequest Request(int row, int tokens)
    {
        var random = DeterministicRandom.For(1, $"row {row}");
        int[] ids = [.. Enumerable.Range(0, tokens).Select(_ => random.Next(2, Shape.VocabularySize))];
        return new ScoreRequest(ids[..1], ids[1..]);
    }
}
