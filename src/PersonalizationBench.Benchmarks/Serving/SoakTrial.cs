using System.Collections.Concurrent;
using System.Diagnostics;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <summary>A server under random traffic: its memory over time, and whatever went wrong.</summary>
public static class SoakTrial
{
    /// <param name="workers">Requests at a time.</param>
    /// <param name="pause">Mean time that a worker waits between two requests.</param>
    /// <param name="every">Between two looks.</param>
    /// <param name="looked">Told what was seen so far, from time to time.</param>
    /// <returns>The looks, the requests by kind, and whatever went wrong.</returns>
    public static async Task<(IReadOnlyList<SoakRecord> Records, IReadOnlyDictionary<string, long> Counts, IReadOnlyCollection<string> Faults)> RunAsync(
        TrafficPopulation population, TimeSpan time, int workers, TimeSpan pause, TimeSpan every, Action<IReadOnlyList<SoakRecord>> looked, CancellationToken cancellation)
    {
        using var server = await population.ServeAsync(cancellation);
        using var traffic = population.Traffic(server, new ConcurrentDictionary<string, string>());
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (records, started) = (new List<SoakRecord>(), Stopwatch.GetTimestamp());
        var running = traffic.RunAsync(workers, pause, 1, over.Token);
        while (Stopwatch.GetElapsedTime(started) < time && !server.HasExited)
        {
            await Task.Delay(every, cancellation);
            traffic.Served.Clear();
            records.Add(new SoakRecord { Minutes = Stopwatch.GetElapsedTime(started).TotalMinutes, ResidentBytes = server.ResidentBytes, Requests = traffic.Counts.Values.Sum(), Faults = traffic.Faults.Count });
            if (records.Count % 30 == 0) looked(records);
        }
        if (server.HasExited) traffic.Faults.Enqueue("the server has ended");
        traffic.MayBreak = true;
        await over.CancelAsync();
        await running;
        return (records, traffic.Counts, traffic.Faults);
    }
}
