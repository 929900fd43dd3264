using System.Collections.Concurrent;
using System.Diagnostics;

namespace PersonalizationBench.Load;

/// <summary>What was measured in one stretch of time, after a while of the same that is not counted.</summary>
/// <param name="Answers">To the requests that were due in it.</param>
/// <param name="TokensPerSecond">Of all answers, in it.</param>
/// <param name="MeanSequences">Of a step.</param>
/// <param name="MeanAdapters">Different ones, of a step.</param>
public sealed record LoadWindow(IReadOnlyList<LoadAnswer> Answers, double TokensPerSecond, double MeanSequences, double MeanAdapters)
{
    /// <summary>So many requests at a time, each followed by the next.</summary>
    /// <param name="most">It ends after so many requests, all of which count; null: after the seconds.</param>
    public static Task<LoadWindow> ClosedAsync(ILoadTarget target, LoadRequests requests, int concurrency, double seconds, int? most, CancellationToken cancellation) =>
        MeasureAsync(target, seconds, most, async (isOver, answers) =>
        {
            await Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(async () =>
            {
                while (!isOver())
                {
                    LoadRequest request;
                    lock (requests) request = requests.Next();
                    var due = Stopwatch.GetTimestamp();
                    answers.Add((due, await target.AskAsync(request, due)));
                }
            }, cancellation)));
        }, cancellation);

    /// <summary>Poisson arrivals, so many a second, whatever has become of the earlier ones: a stall falls on all who were due in it.</summary>
    public static Task<LoadWindow> OpenAsync(ILoadTarget target, LoadRequests requests, double rate, double seconds, CancellationToken cancellation) =>
        MeasureAsync(target, seconds, null, async (isOver, answers) =>
        {
            var asked = new List<Task>();
            // A thread of its own: whoever waits for the next arrival on the pool's keeps it from those that answer.
            await Task.Factory.StartNew(() =>
            {
                for (var due = Stopwatch.GetTimestamp() + Ticks(requests.Wait(rate)); !isOver(); due += Ticks(requests.Wait(rate)))
                {
                    var request = requests.Next();
                    while (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due) is { Ticks: > 0 } left) Thread.Sleep(left);
                    asked.Add(Ask(request, due));
                }
            }, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await Task.WhenAll(asked);

            async Task Ask(LoadRequest request, long due) => answers.Add((due, await target.AskAsync(request, due)));
        }, cancellation);

    private static async Task<LoadWindow> MeasureAsync(ILoadTarget target, double seconds, int? most, Func<Func<bool>, ConcurrentBag<(long Due, LoadAnswer Answer)>, Task> run, CancellationToken cancellation)
    {
        var answers = new ConcurrentBag<(long Due, LoadAnswer Answer)>();
        var (warm, started, claimed) = (Math.Min(1, seconds / 2), Stopwatch.GetTimestamp(), 0);
        var (from, to) = most is null ? (started + Ticks(warm), started + Ticks(warm + seconds)) : (started, long.MaxValue);
        // Asked once for each request.
        var running = run(() => Stopwatch.GetTimestamp() >= to || Interlocked.Increment(ref claimed) > (most ?? int.MaxValue) || cancellation.IsCancellationRequested, answers);
        var before = await At(from);
        if (most is not null) await running;
        var after = await At(most is null ? to : from);
        await running;
        cancellation.ThrowIfCancellationRequested();
        var steps = Math.Max(1, after.Counts.Steps - before.Counts.Steps);
        return new LoadWindow(
            [.. answers.Where(a => a.Due >= from && a.Due < to).OrderBy(a => a.Due).Select(a => a.Answer)],
            (after.Counts.Tokens - before.Counts.Tokens) / Stopwatch.GetElapsedTime(before.At, after.At).TotalSeconds,
            (after.Counts.Sequences - before.Counts.Sequences) / (double)steps, (after.Counts.Adapters - before.Counts.Adapters) / (double)steps);

        async Task<(long At, LoadCounts Counts)> At(long timestamp)
        {
            if (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), timestamp) is { Ticks: > 0 } left) await Task.WhenAny(running, Task.Delay(left, cancellation));
            return (Stopwatch.GetTimestamp(), target.Counts);
        }
    }

    private static long Ticks(double seconds) => (long)(seconds * Stopwatch.Frequency);
}
