using System.Buffers;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>What <see cref="FolderBlobs"/> has done at the moment of the call; where tests let it fail.</summary>
internal enum BlobStep
{
    TemporaryCreated,
    TemporaryWritten,
    TemporaryFlushed,
    Renamed,
    FolderFlushed,
}

/// <summary>
/// Blobs as files <c>ab/cdef….safetensors</c> of one folder. A blob is written under <c>incoming/</c>, flushed, renamed to its digest, and
/// its folder flushed: at every moment, and whatever dies, there is the whole blob or none.
/// </summary>
public sealed class FolderBlobs : IBlobStore
{
    private const string Extension = ".safetensors", Incoming = "incoming";
    private const int Attempts = 3;
    private readonly string _folder;
    private readonly TimeProvider _clock;

    /// <summary>Creates the folder where it is missing, and sweeps up what writers that died left in it.</summary>
    public FolderBlobs(string folder, TimeProvider clock)
    {
        (_folder, _clock) = (Path.GetFullPath(folder), clock);
        Guard(_folder, () =>
        {
            Directory.CreateDirectory(Path.Combine(_folder, Incoming));
            DurableFolder.Flush(_folder);
            foreach (var left in Directory.EnumerateFiles(Path.Combine(_folder, Incoming))) Sweep(left);
            return 0;
        });
    }

    /// <summary>Called after each step of <see cref="Put"/>.</summary>
    internal Action<BlobStep> Stepped { get; set; } = _ => { };

    public string Put(ReadOnlyMemory<byte> content)
    {
        var digest = Digest.Of(content.Span);
        var path = PathOf(digest);
        return Guard(path, () =>
        {
            var folder = Path.GetDirectoryName(path)!;
            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder);
                DurableFolder.Flush(_folder);
            }
            // Whole by its name, unless the disk lost something: then it is written anew.
            if (IsWhole(path, digest)) File.SetLastWriteTimeUtc(path, _clock.GetUtcNow().UtcDateTime);
            else Write(content, path);
            DurableFolder.Flush(folder);
            Stepped(BlobStep.FolderFlushed);
            return digest;
        });
    }

    public byte[] Read(string digest)
    {
        var path = PathOf(digest);
        var bytes = Guard(path, () => ReadAll(path, length => GC.AllocateUninitializedArray<byte>(length)))?.Array ?? throw Missing(digest);
        RequireDigest(bytes, digest, path);
        return bytes;
    }

    public IMemoryOwner<byte> Rent(string digest)
    {
        var path = PathOf(digest);
        var bytes = Guard(path, () => ReadAll(path, ArrayPool<byte>.Shared.Rent)) ?? throw Missing(digest);
        var rented = new RentedBytes(bytes.Array!, bytes.Count, ArrayPool<byte>.Shared);
        try
        {
            RequireDigest(rented.Memory.Span, digest, path);
            return rented;
        }
        catch
        {
            rented.Dispose();
            throw;
        }
    }

    private PbenchException Missing(string digest) => new($"blob {digest}: there is none in {_folder}");

    private static void RequireDigest(ReadOnlySpan<byte> bytes, string digest, string path)
    {
        var found = Digest.Of(bytes);
        if (found != digest) throw new PbenchException($"{path}: the bytes have digest {found}; the file was changed after it was written");
    }

    public StoredBlob? Find(string digest)
    {
        var path = PathOf(digest);
        return Guard<StoredBlob?>(path, () => new FileInfo(path) is { Exists: true } file ? new StoredBlob(digest, file.Length, file.LastWriteTimeUtc) : null);
    }

    public IEnumerable<StoredBlob> List()
    {
        foreach (var folder in Directory.EnumerateDirectories(_folder).Order(StringComparer.Ordinal))
        {
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles('*' + Extension).OrderBy(f => f.Name, StringComparer.Ordinal))
            {
                var digest = Path.GetFileName(folder) + Path.GetFileNameWithoutExtension(file.Name);
                if (RegistryInput.IsDigest(digest)) yield return new StoredBlob(digest, file.Length, file.LastWriteTimeUtc);
            }
        }
    }

    public bool Delete(string digest)
    {
        var path = PathOf(digest);
        return Guard(path, () =>
        {
            if (!File.Exists(path)) return false;
            File.Delete(path);
            return true;
        });
    }

    private string PathOf(string digest)
    {
        RegistryInput.Digest(digest, "blob");
        return Path.Combine(_folder, digest[..2], digest[2..] + Extension);
    }

    private void Write(ReadOnlyMemory<byte> content, string path)
    {
        for (var attempt = 1; ; attempt++)
        {
            var temporary = Path.Combine(_folder, Incoming, Path.GetRandomFileName());
            try
            {
                WriteTemporary(content, temporary);
                File.SetLastWriteTimeUtc(temporary, _clock.GetUtcNow().UtcDateTime);
                File.Move(temporary, path, overwrite: true);
                Stepped(BlobStep.Renamed);
                return;
            }
            catch (FileNotFoundException) when (attempt < Attempts)
            {
                // Between closing and renaming nothing tells it from what the dead leave: a process that just started has swept it up.
            }
            catch
            {
                try { File.Delete(temporary); }
                catch (IOException) { /* the first failure is the one to report */ }
                throw;
            }
        }
    }

    private void WriteTemporary(ReadOnlyMemory<byte> content, string temporary)
    {
        // While it is open, its lock tells Sweep of another process that its writer lives.
        using var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        Stepped(BlobStep.TemporaryCreated);
        stream.Write(content.Span);
        Stepped(BlobStep.TemporaryWritten);
        stream.Flush(flushToDisk: true);
        Stepped(BlobStep.TemporaryFlushed);
    }

    /// <summary>Deletes a temporary file unless its writer lives: the lock of a dead process is gone.</summary>
    private static void Sweep(string temporary)
    {
        try
        {
            using (new FileStream(temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) File.Delete(temporary);
        }
        catch (IOException)
        {
            // It is being written.
        }
    }

    private static bool IsWhole(string path, string digest) => ReadAll(path, length => new byte[length]) is { } bytes && Digest.Of(bytes) == digest;

    /// <summary>Null where there is no such file.</summary>
    private static ArraySegment<byte>? ReadAll(string path, Func<int, byte[]> memory)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            var length = checked((int)stream.Length);
            var bytes = new ArraySegment<byte>(memory(length), 0, length);
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static T Guard<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: {e.Message}", e);
        }
    }
}
