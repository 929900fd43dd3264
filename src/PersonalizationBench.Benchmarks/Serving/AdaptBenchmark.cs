using PersonalizationBench.Core;
using PersonalizationBench.Data.Adapt;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Serving;
using TorchSharp;

namespace PersonalizationBench.Benchmarks;

/// <summary>
/// Users of the synthetic world have a first revision from their first documents; as many again arrive, and what is timed is an adaptation
/// until a running server has given the first answer by the new revision. Facts are asked before and after.
/// </summary>
/// <param name="name">Of the base.</param>
/// <param name="rank">Of the method's adapters.</param>
/// <param name="code">For the revisions' provenance.</param>
public sealed class AdaptBenchmark(IBaseCatalog bases, TimeProvider clock, string name, IAdapterMethod method, int rank, string code)
{
    private const string Owner = "bench", Old = AdaptSource.OldFacts, New = AdaptSource.NewFacts;

    private static readonly AdaptOptions s_options = new(Replayed: 0, Tolerance: 0, Seed: 1);

    /// <param name="documents">New ones, after as many old ones.</param>
    /// <param name="replays">Old documents that are read again, a round each.</param>
    /// <param name="measured">Told each user's record.</param>
    public async Task<List<AdaptRecord>> MeasureAsync(int users, int documents, IReadOnlyList<int> replays, Action<AdaptRecord> measured, CancellationToken cancellation)
    {
        using var folder = new ScratchFolder("adapt");
        using var registry = RegistryDatabase.Open(Path.Combine(folder.Path, "registry.db"), new FolderBlobs(Path.Combine(folder.Path, "blobs"), clock), clock);
        var memory = new ServingMemory(Slots: 8, rank, AdapterBytes: 1 << 28, PageBytes: 1 << 26);
        using var server = RunningServer.Start(bases, clock, name, Precision.Auto, registry, memory, new EngineOptions(), new ServerOptions { Url = "http://127.0.0.1:0" });
        await server.Http.StartAsync(cancellation);
        using var revisions = new ServerRevisions(server.Addresses.Single(), Key(registry, KeyKind.Admin), Key(registry, KeyKind.Inference));
        var records = new List<AdaptRecord>();
        foreach (var replayed in replays)
        {
            for (var user = 0; user < users; user++)
            {
                records.Add(await OneAsync(revisions, user, documents, replayed, cancellation));
                measured(records[^1]);
            }
        }
        await server.Http.StopAsync(cancellation);
        return records;
    }

    private async Task<AdaptRecord> OneAsync(ServerRevisions revisions, int user, int documents, int replayed, CancellationToken cancellation)
    {
        var policy = FormattableString.Invariant($"user-{user:000}.replay-{replayed}");
        var adaptation = new Adaptation(bases, method, revisions, clock, code);
        AdaptSource Source(int from) => AdaptSources.OfWorld(user, 2 * documents, from, from + documents);
        await adaptation.RunAsync(policy, Pointer.Live, name, () => Source(0), s_options, cancellation);

        var started = clock.GetTimestamp();
        var (source, outcome) = await adaptation.RunAsync(policy, Pointer.Live, name, () => Source(documents), s_options with { Replayed = replayed }, cancellation);
        var isPublished = outcome.Fate == AdaptFate.Published;
        if (isPublished) await revisions.AskAsync(policy, Pointer.Live, outcome.Revision, source.Probes[0].Probe.Prompt, cancellation);
        var served = clock.GetElapsedTime(started).TotalSeconds;
        var (before, after) = (outcome.Before, outcome.After);
        return new AdaptRecord
        {
            Base = name,
            Threads = torch.get_num_threads(),
            User = source.UserId,
            Rank = rank,
            Documents = outcome.Documents,
            Replayed = outcome.Replayed,
            LoadSeconds = outcome.Seconds.Load,
            ReadSeconds = outcome.Seconds.Read,
            TrainSeconds = outcome.Seconds.Train,
            EvaluateSeconds = outcome.Seconds.Evaluate,
            PublishSeconds = outcome.Seconds.Publish,
            ServedSeconds = served,
            Published = isPublished ? 1 : 0,
            OldFacts = after.CountOf(Old),
            OldBefore = before.MeanOf(Old),
            OldAfter = after.MeanOf(Old),
            NewFacts = after.CountOf(New),
            NewBefore = before.MeanOf(New),
            NewAfter = after.MeanOf(New),
        };
    }

    private static string Key(IRegistry registry, KeyKind kind) => registry.CreateKey(Owner, kind, "pbench bench adapt").Secret;
}
