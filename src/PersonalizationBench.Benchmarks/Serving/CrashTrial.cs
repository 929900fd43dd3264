using System.Collections.Concurrent;
using PersonalizationBench.Core;
using PersonalizationBench.Load;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// Kills a server with SIGKILL at random moments of answers, uploads, publishes and rollbacks, and looks each time at what is left: every
/// revision whole, every pointer where the last confirmed move (or the one under way) put it and where the audit log puts it, and every
/// answer by a revision that was live while it was asked for.
/// </summary>
public sealed class CrashTrial(TrafficPopulation population, TimeProvider clock)
{
    /// <summary>By revision and prompt; they must stay the same over the crashes.</summary>
    private readonly ConcurrentDictionary<string, string> _answers = new();

    /// <summary>Serves under traffic, kills, and looks at what is left.</summary>
    /// <param name="kill">Which; decides when.</param>
    /// <param name="workers">Requests at a time.</param>
    public async Task<(CrashRecord Record, IReadOnlyList<string> Problems)> KillAsync(int kill, int workers, CancellationToken cancellation)
    {
        var random = DeterministicRandom.For(1, FormattableString.Invariant($"kill {kill}"));
        using var server = await population.ServeAsync(cancellation);
        using var traffic = population.Traffic(server, _answers);
        var life = TimeSpan.FromMilliseconds(1500 * random.NextDouble());
        var running = traffic.RunAsync(workers, TimeSpan.Zero, kill, cancellation);
        // A server's first answer takes its time; what is killed is one at work.
        while (traffic.Served.IsEmpty && !server.HasExited) await Task.Delay(5, cancellation);
        await Task.Delay(life, cancellation);
        traffic.MayBreak = true;
        await server.KillAsync();
        await running;

        var problems = new List<string>(traffic.Faults);
        using var registry = RegistryDatabase.Open(population.Registry, new FolderBlobs(population.Blobs, clock), clock);
        var revisions = 0;
        foreach (var owner in population.Policies.Select(p => p.Owner.Name).Distinct())
        {
            var (read, found) = RegistryCheck.Of(registry, owner);
            revisions += read;
            problems.AddRange(found);
        }
        var (unconfirmed, done) = (0, 0);
        foreach (var policy in population.Policies)
        {
            var stands = registry.Pointers(policy.Owner.Name, policy.Id).Single(p => p.Name == Pointer.Live).Revision;
            if (policy.Pending is { } pending)
            {
                unconfirmed++;
                if (stands == pending) done++;
            }
            if (stands != policy.Live && stands != policy.Pending) problems.Add(FormattableString.Invariant($"{policy.Id}: live stands at {stands}; {policy.Live} was confirmed, {policy.Pending} under way"));
            (policy.Live, policy.Pending) = (stands, null);
        }
        problems.AddRange(NotLive(registry, traffic.Served));
        return (new CrashRecord
        {
            Kill = kill,
            StartMs = server.StartTime.TotalMilliseconds,
            TrafficMs = life.TotalMilliseconds,
            Requests = traffic.Counts.Values.Sum(),
            Changes = traffic.Counts.GetValueOrDefault("uploads and publishes") + traffic.Counts.GetValueOrDefault("rollbacks"),
            Unconfirmed = unconfirmed,
            UnconfirmedDone = done,
            Served = traffic.Served.Count,
            Revisions = revisions,
            Problems = problems.Count,
        }, problems);
    }

    /// <summary>Answers by revisions that were not live at any moment between question and answer. The log has the moment at which a move
    /// began to be written; the revision before may be seen until the move was confirmed.</summary>
    private static IEnumerable<string> NotLive(IRegistry registry, IEnumerable<ServedAnswer> served)
    {
        foreach (var group in served.GroupBy(s => s.Policy))
        {
            var moves = RegistryCheck.AllAudit(registry, group.Key.Owner.Name, group.Key.Id).Where(e => e.Pointer == Pointer.Live).ToList();
            // A move that was never confirmed may have become visible at any time.
            var (until, confirmed) = (new DateTimeOffset[moves.Count], 0);
            for (var i = 0; i < moves.Count; i++)
            {
                var isConfirmed = confirmed < group.Key.Confirmed.Count && group.Key.Confirmed[confirmed].Revision == moves[i].Revision;
                if (i > 0) until[i - 1] = isConfirmed ? group.Key.Confirmed[confirmed].At : DateTimeOffset.MaxValue;
                if (isConfirmed) confirmed++;
            }
            if (moves.Count > 0) until[^1] = DateTimeOffset.MaxValue;
            foreach (var answer in group)
            {
                // The log's times are whole milliseconds.
                if (!Enumerable.Range(0, moves.Count).Any(i => moves[i].Revision == answer.Revision && moves[i].At <= answer.Answered && until[i] >= answer.Asked))
                    yield return FormattableString.Invariant($"{group.Key.Id}: answered by revision {answer.Revision}, which the audit log does not have live then");
            }
        }
    }
}
