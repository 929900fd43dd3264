using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Benchmarks;

/// <param name="Path">What answers: steps over pages, or operators.</param>
/// <param name="Rows">Sequences scored in one call.</param>
/// <param name="Tokens">Of each; every one but the first is scored.</param>
/// <param name="AboveBytes">The process's largest resident memory during the call, less what it had with the base loaded.</param>
public sealed record MemoryRecord(string Path, int Rows, int Tokens, long AboveBytes);

/// <summary>
/// How much memory scoring takes above the base's weights, whatever is asked at once: logits of a whole batch would be larger than all
/// else. The base is of SmolLM2-135M's shape, drawn and not trained: memory does not hang on the values.
/// </summary>
public static class MemoryBenchmark
{
    /// <summary>Of the published base.</summary>
    public static readonly DecoderConfig Shape = new(49152, 576, 30, 9, 3, 1536, 8192, RopeTheta: 100000);

    private static readonly (int Rows, int Tokens)[] s_batches = [(1, 512), (8, 512), (64, 128), (2, 2048)];

    /// <param name="measure">Runs a piece of work and gives the bytes that the process had at most meanwhile, less those before; null where they cannot be told.</param>
    /// <returns>The bytes of the weights, and a record for each path and batch.</returns>
    public static (long WeightBytes, IReadOnlyList<MemoryRecord> Records) Measure(Func<Action, long?> measure, Action<MemoryRecord> done, CancellationToken cancellation)
    {
        using var loaded = new LoadedBase(
            new BaseInfo("drawn", Shape.ModelType, "", Shape.Parameters, Shape.ContextLength, Shape.SmallestDimensions()), DecoderWeights.Initialise(Shape, seed: 1, Precision.Float32), TrainingWorkload.Tokenizer);
        var records = new List<MemoryRecord>();
        foreach (var (path, inPages) in new[] { ("operators", false), ("pages", true) })
        {
            loaded.AnswersInPages = inPages;
            foreach (var (rows, tokens) in s_batches)
            {
                var requests = Enumerable.Range(0, rows).Select(row => Request(row, tokens)).ToList();
                var above = measure(() => loaded.Score(requests, CostMeter.Unread(), cancellation)) ?? throw new PbenchException("the process's memory cannot be told here: it needs Linux, and leave to write /proc/self/clear_refs");
                records.Add(new MemoryRecord(path, rows, tokens, above));
                done(records[^1]);
            }
        }
        return (loaded.Weights.Bytes, records);
    }

    private static ScoreRequest Request(int row, int tokens)
    {
        var random = DeterministicRandom.For(1, $"row {row}");
        int[] ids = [.. Enumerable.Range(0, tokens).Select(_ => random.Next(2, Shape.VocabularySize))];
        return new ScoreRequest(ids[..1], ids[1..]);
    }
}
