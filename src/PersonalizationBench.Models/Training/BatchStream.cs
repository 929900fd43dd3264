using System.Collections.Concurrent;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>
/// A stage's batches, tokenised and padded on another thread so that the compute does not wait. The stream is read in
/// windows; a window's sequences are sorted by length, cut into batches, and the batches shuffled: little padding, and
/// the order hangs on the seed alone.
/// </summary>
internal sealed class BatchStream : IDisposable
{
    private const int WindowBatches = 32, Ahead = 16;

    private readonly BlockingCollection<TrainingBatch> _ready = new(Ahead);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _producer;

    /// <param name="skip">Batches that an earlier run has had.</param>
    public BatchStream(ITrainingCorpus corpus, ITokenizer tokenizer, PretrainStage stage, int contextLength, long seed, int skip) =>
        _producer = Task.Factory.StartNew(
            () => Produce(Batches(corpus, tokenizer, stage, contextLength, seed), stage.Steps, skip),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Throws what the corpus or the tokenizer threw, and <see cref="PbenchException"/> where the corpus has ended.</summary>
    public TrainingBatch Next()
    {
        if (_ready.TryTake(out var batch, Timeout.Infinite)) return batch;
        _producer.GetAwaiter().GetResult();
        throw new PbenchException("pretraining: the corpus ended before the stage; a corpus must be endless");
    }

    public void Dispose()
    {
        _stop.Cancel();
        try
        {
            _producer.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Stopped while it waited for room: what was asked for.
        }
        _ready.Dispose();
        _stop.Dispose();
    }

    private void Produce(IEnumerable<List<TokenSequence>> batches, int count, int skip)
    {
        try
        {
            foreach (var rows in batches.Take(count).Skip(skip)) _ready.Add(new TrainingBatch(rows, 1), _stop.Token);
        }
        finally
        {
            _ready.CompleteAdding();
        }
    }

    private IEnumerable<List<TokenSequence>> Batches(ITrainingCorpus corpus, ITokenizer tokenizer, PretrainStage stage, int contextLength, long seed)
    {
        var random = DeterministicRandom.For(seed, "batches");
        using var sequences = corpus.Stream(seed).SelectMany(t => TextEncoding.Sequences(tokenizer, t, contextLength)).GetEnumerator();
        while (true)
        {
            var window = Window(sequences, stage);
            if (window.Count == 0) yield break;
            var batches = Cut([.. window.OrderBy(s => s.Ids.Length)], stage);
            random.Shuffle(batches);
            foreach (var batch in batches) yield return batch;
        }
    }

    private List<TokenSequence> Window(IEnumerator<TokenSequence> sequences, PretrainStage stage)
    {
        var window = new List<TokenSequence>();
        var tokens = 0L;
        while ((stage.BatchSequences is { } rows ? window.Count < (long)rows * WindowBatches : tokens < (long)stage.BatchTokens!.Value * WindowBatches)
            && sequences.MoveNext())
        {
            _stop.Token.ThrowIfCancellationRequested();
            // A sequence with no weighted target teaches nothing.
            if (sequences.Current.Weights.AsSpan(1).ContainsAnyExcept(0f))
            {
                window.Add(sequences.Current);
                tokens += sequences.Current.Ids.Length - 1;
            }
        }
        return window;
    }

    /// <summary>Sequences by length, in batches; the last one of a window may be smaller.</summary>
    private static List<List<TokenSequence>> Cut(List<TokenSequence> ordered, PretrainStage stage)
    {
        var batches = new List<List<TokenSequence>>();
        foreach (var sequence in ordered)
        {
            var full = batches.Count == 0
                || (stage.BatchSequences is { } rows ? batches[^1].Count == rows : (long)(batches[^1].Count + 1) * (sequence.Ids.Length - 1) > stage.BatchTokens);
            if (full) batches.Add([]);
            batches[^1].Add(sequence);
        }
        return batches;
    }
}
