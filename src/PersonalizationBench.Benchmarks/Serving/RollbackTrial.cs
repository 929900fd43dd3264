using System.Diagnostics;
using PersonalizationBench.Core;
using PersonalizationBench.Load;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// Moves a policy's live pointer back and forth, with nobody else there or under random traffic to the other policies: how long a move
/// takes, and the next request, which the revision moved to must answer.
/// </summary>
public sealed class RollbackTrial
{
    private const string Prompt = "the next request";

    private readonly TrafficPopulation _population;
    private readonly TimeProvider _clock;
    private readonly TrafficPolicy _policy;

    /// <summary>Adds the second revision, which is moved to.</summary>
    public RollbackTrial(TrafficPopulation population, TimeProvider clock)
    {
        (_population, _clock, _policy) = (population, clock, population.Policies[0]);
        AddRevision();
    }

    private void AddRevision()
    {
        using var registry = RegistryDatabase.Open(_population.Registry, new FolderBlobs(_population.Blobs, _clock), _clock);
        registry.AddRevision(_policy.Owner.Name, _policy.Id, new NewRevision(registry.Blobs.Put(_population.AdapterBlobs[^1]), "drawn"), "pbench");
    }

    /// <summary>Adds to the records. Throws where another revision answers than the one moved to, or where the traffic met a fault.</summary>
    /// <param name="workers">Other requests at a time.</param>
    /// <param name="moves">Rollbacks, and as many moves forward.</param>
    /// <returns>How many other requests there were.</returns>
    public async Task<long> RunAsync(ServerProcess server, int workers, int moves, List<RollbackRecord> records, CancellationToken cancellation)
    {
        using var client = new ServerRevisions(server.Address.ToString(), _policy.Owner.AdminKey, _policy.Owner.InferenceKey);
        using var traffic = _population.Traffic(server, [.. _population.Policies.Where(p => p != _policy)], []);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = traffic.RunAsync(workers, TimeSpan.Zero, 1, over.Token);
        var live = 1;
        for (var move = -1; move < 2 * moves; move++)
        {
            var (from, to) = (live, 3 - live);
            await client.AskAsync(_policy.Id, Pointer.Live, from, Prompt, cancellation);
            var before = await TimeAsync(client.AskAsync(_policy.Id, Pointer.Live, from, Prompt, cancellation));
            var moved = await TimeAsync(to < from
                ? client.RollBackAsync(_policy.Id, Pointer.Live, to, from, cancellation)
                : client.PublishAsync(_policy.Id, Pointer.Live, to, from, cancellation));
            var next = await TimeAsync(client.AskAsync(_policy.Id, Pointer.Live, to, Prompt, cancellation));
            live = to;
            // The first goes forward and is the server's first of its kind.
            if (move >= 0) records.Add(new RollbackRecord { Workers = workers, Move = move, Kind = to < from ? RollbackRecord.Rollback : RollbackRecord.Publish, BeforeMs = before, MoveMs = moved, NextMs = next });
        }
        if (live == 2) await client.RollBackAsync(_policy.Id, Pointer.Live, 1, 2, cancellation);
        traffic.MayBreak = true;
        await over.CancelAsync();
        await running;
        return traffic.Faults.TryPeek(out var fault) ? throw new PbenchException($"beside the moves: {fault}") : traffic.Counts.Values.Sum();
    }

    private static async Task<double> TimeAsync(Task task)
    {
        var begun = Stopwatch.GetTimestamp();
        await task;
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }
}
