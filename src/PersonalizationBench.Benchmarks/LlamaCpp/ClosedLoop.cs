using System.Diagnostics;
using PersonalizationBench.Core;

namespace PersonalizationBench.Benchmarks;

/// <summary>So many who ask, each again as soon as it is answered.</summary>
/// <param name="Prompt">Tokens that are read; never the same twice.</param>
/// <param name="Answer">Tokens that are asked for.</param>
/// <param name="Warm">Before the clock runs.</param>
public sealed record ClosedLoop(int Concurrency, int Vocabulary, int Prompt, int Answer, TimeSpan Warm, TimeSpan Time)
{
    /// <summary>Tokens of the answers that came while the clock ran, a second, and of one answer on the mean.</summary>
    /// <param name="distinct">Different adapters, each of as many of those who ask; 0: the base alone.</param>
    /// <param name="seed">The same prompts for the same seed.</param>
    public async Task<(double TokensPerSecond, double AnswerTokens)> RunAsync(Completions server, int distinct, string seed, CancellationToken cancellation)
    {
        var (begun, end) = (Stopwatch.GetTimestamp(), Warm + Time);
        var (tokens, answers) = (0L, 0L);
        await Task.WhenAll(Enumerable.Range(0, Concurrency).Select(worker => Task.Run(async () =>
        {
            var random = DeterministicRandom.For(worker, seed);
            var adapter = distinct == 0 ? -1 : worker % distinct;
            // First answers of all lengths: those who ask would otherwise go in step, and whole waves fall on one side of the clock's end.
            for (var wanted = Math.Max(1, Answer * (worker + 1) / Concurrency); ; wanted = Answer)
            {
                int[] prompt = [.. Enumerable.Range(0, Prompt).Select(_ => random.Next(2, Vocabulary))];
                var got = await server.AskAsync(prompt, adapter, wanted, cancellation);
                var at = Stopwatch.GetElapsedTime(begun);
                if (at >= end) break;
                if (at < Warm) continue;
                Interlocked.Add(ref tokens, got);
                Interlocked.Increment(ref answers);
            }
        }, cancellation)));
        return (tokens / Time.TotalSeconds, (double)tokens / Math.Max(1, answers));
    }
}
