using System.Diagnostics;
using PersonalizationBench.Models;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Benchmarks;

/// <summary><see cref="RegistryAdapterSource"/>, its parts timed.</summary>
public sealed class TimedSource(IBlobStore blobs, AdapterLayout layout, string baseDigest) : IAdapterSource
{
    private long _loads, _read, _parse, _pack;

    /// <summary>Mean seconds of reading and hashing, of parsing, of packing; zero where nothing was loaded.</summary>
    public (double Read, double Parse, double Pack) Means
    {
        get
        {
            var loads = Math.Max(1, Interlocked.Read(ref _loads)) * (double)Stopwatch.Frequency;
            return (Interlocked.Read(ref _read) / loads, Interlocked.Read(ref _parse) / loads, Interlocked.Read(ref _pack) / loads);
        }
    }

    public AdapterImage Load(string digest)
    {
        var started = Stopwatch.GetTimestamp();
        using var blob = blobs.Rent(digest);
        var read = Stopwatch.GetTimestamp();
        var adapter = AdapterBlob.Read(blob.Memory, digest, isHashed: true);
        adapter.RequireBase(baseDigest, digest);
        var parsed = Stopwatch.GetTimestamp();
        var image = layout.Pack(adapter, digest);
        Interlocked.Increment(ref _loads);
        Interlocked.Add(ref _read, read - started);
        Interlocked.Add(ref _parse, parsed - read);
        Interlocked.Add(ref _pack, Stopwatch.GetTimestamp() - parsed);
        return image;
    }

    public void Recycle(AdapterImage image) => layout.Recycle(image);
}
