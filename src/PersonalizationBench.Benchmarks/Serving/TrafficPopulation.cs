using System.Collections.Concurrent;
using PersonalizationBench.Core;
using PersonalizationBench.Load;
using PersonalizationBench.Models;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary>Owners, policies and adapters that a server is tried with, in a registry of their own.</summary>
public sealed class TrafficPopulation
{
    private const int Owners = 4, PoliciesEach = 4, Adapters = 24, Rank = 4;
    private const string Actor = "pbench";

    /// <summary>Little of everything, so that much is loaded, evicted and waited for.</summary>
    private static readonly string[] s_limits = ["--slots", "8", "--sequences", "16", "--adapter-memory", "4", "--kv-memory", "16"];

    private readonly string _program;

    private TrafficPopulation(string program, string registry, string blobs, string baseName, int vocabulary, IReadOnlyList<TrafficPolicy> policies, IReadOnlyList<byte[]> adapters) =>
        (_program, Registry, Blobs, Base, Vocabulary, Policies, AdapterBlobs) = (program, registry, blobs, baseName, vocabulary, policies, adapters);

    public string Registry { get; }

    public string Blobs { get; }

    public string Base { get; }

    public int Vocabulary { get; }

    public IReadOnlyList<TrafficPolicy> Policies { get; }

    /// <summary>As blobs.</summary>
    public IReadOnlyList<byte[]> AdapterBlobs { get; }

    /// <param name="program">The assembly of <c>pbench</c>, to be served by.</param>
    public static TrafficPopulation Create(IBaseCatalog bases, TimeProvider clock, string program, string baseName, string folder)
    {
        using var loaded = bases.Load(baseName, Precision.Auto, "cpu") as LoadedBase ?? throw new PbenchException($"base '{baseName}' cannot be served");
        var adapters = Enumerable.Range(0, Adapters).Select(i => AdapterBlob.Pack(DrawnAdapter.Make(loaded, Rank, FormattableString.Invariant($"traffic {i}"), strength: 0.1))).ToList();
        var (path, blobs) = (Path.Combine(folder, "registry.db"), Path.Combine(folder, "blobs"));
        using var registry = RegistryDatabase.Open(path, new FolderBlobs(blobs, clock), clock);
        var policies = new List<TrafficPolicy>();
        for (var o = 0; o < Owners; o++)
        {
            var name = FormattableString.Invariant($"owner-{o}");
            var owner = new TrafficOwner(name, registry.CreateKey(name, KeyKind.Inference, Actor).Secret, registry.CreateKey(name, KeyKind.Admin, Actor).Secret);
            for (var p = 0; p < PoliciesEach; p++)
            {
                var id = FormattableString.Invariant($"user-{o}-{p}");
                registry.CreatePolicy(new NewPolicy(id, name, loaded.Info.Digest, Rank, loaded.Config.Projections), Actor);
                registry.AddRevision(name, id, new NewRevision(registry.Blobs.Put(adapters[(o * PoliciesEach + p) % Adapters]), "drawn"), Actor);
                registry.Publish(name, id, Pointer.Live, 1, null, Actor);
                policies.Add(new TrafficPolicy(owner, id) { Revisions = 1, Live = 1, Confirmed = { (1, clock.GetUtcNow()) } });
            }
        }
        return new TrafficPopulation(program, path, blobs, baseName, loaded.Config.VocabularySize, policies, adapters);
    }

    public HttpTraffic Traffic(ServerProcess server, ConcurrentDictionary<string, string> answers) => Traffic(server, Policies, answers);

    /// <summary>On some of the policies, of two owners at least.</summary>
    public HttpTraffic Traffic(ServerProcess server, IReadOnlyList<TrafficPolicy> policies, ConcurrentDictionary<string, string> answers) => new(server.Address, Base, Vocabulary, policies, AdapterBlobs, answers);

    public Task<ServerProcess> ServeAsync(CancellationToken cancellation) => ServerProcess.StartAsync(_program, Base, Registry, Blobs, s_limits, cancellation);
}
