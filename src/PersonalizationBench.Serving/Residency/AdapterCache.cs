using PersonalizationBench.Models;

namespace PersonalizationBench.Serving;

/// <summary>Where adapters come from when they are not in memory.</summary>
public interface IAdapterSource
{
    /// <summary>Reads, verifies and packs an adapter.</summary>
    /// <param name="digest">Of its blob.</param>
    /// <exception cref="Core.PbenchException">It is not there, not what its digest says, or not one of this base.</exception>
    AdapterImage Load(string digest);

    /// <summary>An adapter that was loaded has left the memory: nobody reads it any more.</summary>
    void Recycle(AdapterImage image)
    {
    }
}

/// <summary>
/// Packed adapters in memory, at most so many bytes of them: the longest unused give way, those in use stay. However many ask for one
/// that is missing, it is loaded once. Thread-safe.
/// </summary>
public sealed class AdapterCache(IAdapterSource source, long capacityBytes, TimeProvider clock)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly LinkedList<string> _idle = [];
    private readonly LoaderThreads _loaders = new(Math.Max(4, Environment.ProcessorCount));

    public long CapacityBytes => capacityBytes;

    /// <summary>Bytes of all that is loaded; above the capacity only where all of it is in use.</summary>
    public long Bytes { get; private set; }

    public int Count
    {
        get
        {
            lock (_lock) return _entries.Count;
        }
    }

    /// <summary>Loads that were begun.</summary>
    public long Loads { get; private set; }

    /// <summary>Times that an adapter was asked for and was there, or on its way.</summary>
    public long Hits { get; private set; }

    /// <summary>Reading, verifying and packing.</summary>
    public LatencyHistogram LoadTime { get; } = new();

    /// <summary>The adapter, in use until the lease is disposed. Begins to load at once where it is not there.</summary>
    public AdapterLease Acquire(string digest)
    {
        lock (_lock)
        {
            // A failure is not remembered: who asks again tries again.
            if (!_entries.TryGetValue(digest, out var entry) || (entry.Users == 0 && entry.Image.IsFaulted))
            {
                if (entry is not null) Remove(entry);
                Loads++;
                entry = new Entry(digest);
                var load = new Task<AdapterImage>(() => Load(entry));
                entry.Image = load;
                _loaders.Add(() => load.RunSynchronously(TaskScheduler.Default));
                _entries.Add(digest, entry);
            }
            else
            {
                Hits++;
            }
            if (entry.Users++ == 0 && entry.Node.List is not null) _idle.Remove(entry.Node);
            return new AdapterLease(digest, entry.Image, () => Release(entry));
        }
    }

    /// <summary>Whether the adapter could be used at once.</summary>
    public bool IsLoaded(string digest)
    {
        lock (_lock) return _entries.TryGetValue(digest, out var entry) && entry.Image.IsCompletedSuccessfully;
    }

    private AdapterImage Load(Entry entry)
    {
        var started = clock.GetTimestamp();
        var image = source.Load(entry.Digest);
        LoadTime.Add(clock.GetElapsedTime(started));
        lock (_lock)
        {
            // Whoever wanted it may have gone, and room been made since.
            if (_entries.GetValueOrDefault(entry.Digest) != entry)
            {
                source.Recycle(image);
                return image;
            }
            entry.Bytes = image.Bytes.LongLength;
            Bytes += entry.Bytes;
            Trim();
        }
        return image;
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            if (--entry.Users > 0) return;
            _idle.AddLast(entry.Node);
            Trim();
        }
    }

    private void Trim()
    {
        while (Bytes > capacityBytes && _idle.First is { } oldest) Remove(_entries[oldest.Value]);
    }

    private void Remove(Entry entry)
    {
        if (entry.Node.List is not null) _idle.Remove(entry.Node);
        _entries.Remove(entry.Digest);
        Bytes -= entry.Bytes;
        if (entry.Image.IsCompletedSuccessfully) source.Recycle(entry.Image.Result);
    }

    private sealed class Entry(string digest)
    {
        public string Digest => digest;

        public LinkedListNode<string> Node { get; } = new(digest);

        public Task<AdapterImage> Image { get; set; } = null!;

        public int Users { get; set; }

        public long Bytes { get; set; }
    }
}

/// <summary>An adapter that stays in memory until this is disposed.</summary>
public sealed class AdapterLease(string digest, Task<AdapterImage> image, Action release) : IDisposable
{
    private Action? _release = release;

    public string Digest => digest;

    public Task<AdapterImage> Image => image;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
