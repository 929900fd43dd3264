using System.Security.Cryptography;

namespace PersonalizationBench.Core;

/// <summary>Writes a whole file or nothing: temporary name, flush to disk, rename.</summary>
public static class AtomicFile
{
    /// <summary>Calls <paramref name="write"/> with a stream to a temporary file beside <paramref name="path"/>, then renames it.
    /// On any failure (a full disk among them) the old file is untouched and the temporary one is gone.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        var temporary = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e)
        {
            try { File.Delete(temporary); }
            catch (IOException) { /* the first failure is the one to report */ }
            if (e is IOException or UnauthorizedAccessException) throw new PbenchException($"{path}: could not be written: {e.Message}", e);
            throw;
        }
    }

    /// <summary>The same for text: UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text) => Write(path, s => s.Write(System.Text.Encoding.UTF8.GetBytes(text)));
}

/// <summary>SHA-256 in lower-case hex.</summary>
public static class Digest
{
    public static string Of(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static string Of(string text) => Of(System.Text.Encoding.UTF8.GetBytes(text));

    public static string OfFile(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
