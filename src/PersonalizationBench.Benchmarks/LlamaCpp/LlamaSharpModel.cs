using LLama;
using LLama.Common;
using LLama.Native;
using PersonalizationBench.Core;

namespace PersonalizationBench.Benchmarks;

/// <summary>A way of llama.cpp's to keep and read keys and values.</summary>
/// <param name="IsUnified">One cache for all sequences, else each has its own.</param>
/// <param name="HasFlashAttention">Attention in one kernel.</param>
internal sealed record LlamaSharpVariant(bool IsUnified, bool HasFlashAttention)
{
    public static IReadOnlyList<LlamaSharpVariant> All { get; } = [new(false, false), new(false, true), new(true, false), new(true, true)];
}

/// <summary>A base by llama.cpp in this process, through LLamaSharp: sequences side by side, on the CPU, keys and values in f32.</summary>
internal sealed class LlamaSharpModel : IDisposable
{
    private const int BatchTokens = 512;

    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;

    /// <param name="path">A GGUF file.</param>
    /// <param name="sequences">At once.</param>
    /// <param name="longest">Tokens of a sequence.</param>
    public LlamaSharpModel(string path, int sequences, int longest, int threads, LlamaSharpVariant variant)
    {
        // It tells of its files and buffers in hundreds of lines.
        if (!NativeLibraryConfig.LLama.LibraryHasLoaded) NativeLibraryConfig.All.WithLogCallback((_, _) => { });
        var parameters = new ModelParams(path)
        {
            ContextSize = (uint)(sequences * longest),
            SeqMax = (uint)sequences,
            BatchSize = BatchTokens,
            UBatchSize = BatchTokens,
            Threads = threads,
            BatchThreads = threads,
            KVUnified = variant.IsUnified,
            FlashAttention = variant.HasFlashAttention,
            GpuLayerCount = 0,
            TypeK = GGMLType.GGML_TYPE_F32,
            TypeV = GGMLType.GGML_TYPE_F32,
        };
        _weights = LLamaWeights.LoadFromFile(parameters);
        try
        {
            _context = _weights.CreateContext(parameters);
        }
        catch
        {
            _weights.Dispose();
            throw;
        }
    }

    /// <summary>LLamaSharp's version.</summary>
    public static string Version => $"llama.cpp by LLamaSharp {typeof(LLamaWeights).Assembly.GetName().Version!.ToString(3)}";

    /// <summary>Greedy answers of exactly so many tokens.</summary>
    /// <returns>The answers; seconds from the prompts to their first tokens, and of each further token of all.</returns>
    public (int[][] Answers, double Prompts, List<double> Tokens) Decode(IReadOnlyList<int[]> prompts, int answer, TimeProvider clock)
    {
        var answers = prompts.Select(_ => new int[answer]).ToArray();
        _context.NativeHandle.MemoryClear();
        var (started, times, batch) = (clock.GetTimestamp(), new List<double>(), new LLamaBatch());
        for (var i = 0; i < prompts.Count; i++) answers[i][0] = Largest(Read(prompts[i], i, 0, 1)[0]);
        var first = clock.GetElapsedTime(started).TotalSeconds;
        for (var t = 1; t < answer; t++)
        {
            started = clock.GetTimestamp();
            batch.Clear();
            for (var i = 0; i < prompts.Count; i++) batch.Add((LLamaToken)answers[i][t - 1], prompts[i].Length + t - 1, (LLamaSeqId)i, true);
            Run(batch);
            for (var i = 0; i < prompts.Count; i++) answers[i][t] = Largest(_context.NativeHandle.GetLogitsIth(i));
            times.Add(clock.GetElapsedTime(started).TotalSeconds);
        }
        return (answers, first, times);
    }

    /// <summary>How much likelier than a given answer's tokens, after the same beginning, the likeliest ones are, in nats; 0 where they are the same.</summary>
    public double[] Gaps(int[] prompt, int[] answer)
    {
        _context.NativeHandle.MemoryClear();
        return [.. Read([.. prompt, .. answer[..^1]], 0, 0, answer.Length).Zip(answer, (logits, token) => (double)logits[Largest(logits)] - logits[token])];
    }

    public void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    /// <summary>The logits behind the last tokens of so many.</summary>
    private List<float[]> Read(int[] tokens, int sequence, int start, int wanted)
    {
        var (logits, batch) = (new List<float[]>(), new LLamaBatch());
        for (var from = 0; from < tokens.Length; from += BatchTokens)
        {
            batch.Clear();
            List<int> asked = [];
            for (var i = from; i < Math.Min(tokens.Length, from + BatchTokens); i++)
            {
                var isWanted = i >= tokens.Length - wanted;
                if (isWanted) asked.Add(i - from);
                batch.Add((LLamaToken)tokens[i], start + i, (LLamaSeqId)sequence, isWanted);
            }
            Run(batch);
            foreach (var at in asked) logits.Add(_context.NativeHandle.GetLogitsIth(at).ToArray());
        }
        return logits;
    }

    private void Run(LLamaBatch batch)
    {
        if (_context.NativeHandle.Decode(batch) is var result && result != DecodeResult.Ok) throw new PbenchException($"llama.cpp: decoding gave {result}");
    }

    private static int Largest(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best]) best = i;
        return best;
    }
}
