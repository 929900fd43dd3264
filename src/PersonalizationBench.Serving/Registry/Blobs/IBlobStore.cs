using System.Buffers;

namespace PersonalizationBench.Serving;

/// <summary>A blob as it is listed.</summary>
/// <param name="Put">When it was put last.</param>
public readonly record struct StoredBlob(string Digest, long Bytes, DateTimeOffset Put);

/// <summary>
/// Bytes by their SHA-256 (64 lower-case hex digits). What was put is whole, durable and never changed; a digest is all that callers can
/// say, never a path. May be used from any thread, and by several processes.
/// </summary>
public interface IBlobStore
{
    /// <summary>Stores the bytes, if they are not there, and renews their age. Durable once it returns.</summary>
    /// <returns>Their digest.</returns>
    string Put(ReadOnlyMemory<byte> content);

    /// <summary>The bytes, hashed after they were read: what is returned is what the digest says, or it throws
    /// <see cref="Core.PbenchException"/>.</summary>
    byte[] Read(string digest);

    /// <summary>The same in memory that is given back, and used for another blob, when the owner is disposed.</summary>
    IMemoryOwner<byte> Rent(string digest) => new RentedBytes(Read(digest));

    /// <summary>Null where there is no such blob. Looks at its name, not at its bytes.</summary>
    StoredBlob? Find(string digest);

    IEnumerable<StoredBlob> List();

    /// <summary>False where there was none.</summary>
    bool Delete(string digest);
}

/// <summary>The first bytes of an array, from a pool where there is one.</summary>
internal sealed class RentedBytes(byte[] array, int length, ArrayPool<byte>? pool) : IMemoryOwner<byte>
{
    private byte[]? _array = array;

    public RentedBytes(byte[] array)
        : this(array, array.Length, null)
    {
    }

    public Memory<byte> Memory => _array is { } array ? array.AsMemory(0, length) : throw new ObjectDisposedException(nameof(RentedBytes));

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _array, null) is { } array) pool?.Return(array);
    }
}
