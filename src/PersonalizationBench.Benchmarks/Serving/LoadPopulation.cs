using System.Diagnostics;
using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary>A registry with as many policies of one owner as a cell has, and what it takes to hold and to ask them.</summary>
public sealed class LoadPopulation : IDisposable
{
    private const string Owner = "load", Actor = "pbench load", Code = "drawn";
    private const int LookUps = 10_000;

    private LoadPopulation(IRegistry registry, string path, string secret, int rank) => (Registry, Path, Secret, Rank) = (registry, path, secret, rank);

    /// <summary>Of the registry's database.</summary>
    public string Path { get; }

    public IRegistry Registry { get; }

    /// <summary>Of an inference key.</summary>
    public string Secret { get; }

    /// <summary>The highest.</summary>
    public int Rank { get; }

    public required double OpenSeconds { get; init; }

    public required double BytesPerPolicy { get; init; }

    /// <summary>Seconds of one look-up by name, policies at random.</summary>
    public required IReadOnlyList<double> LookUpSeconds { get; init; }

    public static string PolicyName(int policy) => policy.ToString("'user-'0000000", CultureInfo.InvariantCulture);

    /// <param name="folder">Of the database; made anew.</param>
    /// <param name="digests">Of the files; policy i has the (i mod count)-th.</param>
    public static LoadPopulation Create(string folder, IBlobStore blobs, LoadedBase loaded, IReadOnlyList<string> digests, int rank, int policies, TimeProvider clock)
    {
        var path = System.IO.Path.Combine(folder, FormattableString.Invariant($"registry-{policies}.db"));
        Directory.CreateDirectory(folder);
        string secret;
        using (var registry = RegistryDatabase.Open(path, blobs, clock))
        {
            var entries = Enumerable.Range(0, policies).Select(i =>
                (new NewPolicy(PolicyName(i), Owner, loaded.Info.Digest, rank, loaded.Config.Projections), new NewRevision(digests[i % digests.Count], Code))).ToList();
            registry.Import(entries, Actor);
            secret = registry.CreateKey(Owner, KeyKind.Inference, Actor).Secret;
        }
        var started = Stopwatch.GetTimestamp();
        var opened = RegistryDatabase.Open(path, blobs, clock);
        opened.Resolve(Owner, PolicyName(0));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var random = new DeterministicRandom(policies);
        var times = new List<double>(LookUps);
        for (var i = 0; i < LookUps; i++)
        {
            var from = Stopwatch.GetTimestamp();
            opened.Resolve(Owner, PolicyName(random.Next(policies)));
            times.Add(Stopwatch.GetElapsedTime(from).TotalSeconds);
        }
        return new LoadPopulation(opened, path, secret, rank) { OpenSeconds = seconds, BytesPerPolicy = (double)new FileInfo(path).Length / policies, LookUpSeconds = times };
    }

    /// <summary>Draws and stores the adapters; those of one seed are the same files again.</summary>
    public static IReadOnlyList<string> Store(IBlobStore blobs, LoadedBase loaded, IReadOnlyList<int> ranks, int files, long seed) =>
        [.. Enumerable.Range(0, files).Select(i => blobs.Put(AdapterBlob.Pack(Adapter(loaded, ranks[i % ranks.Count], seed, i))))];

    /// <summary>The i-th adapter of a seed; its answers are others than the base's.</summary>
    public static PeftAdapter Adapter(LoadedBase loaded, int rank, long seed, int i) => DrawnAdapter.Make(loaded, rank, FormattableString.Invariant($"load {seed} {i}"), strength: 0.1);

    public void Dispose() => Registry.Dispose();
}
