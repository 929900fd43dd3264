using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Catalog;

/// <summary>What became of one file.</summary>
public enum FetchOutcome
{
    AlreadyThere,
    Downloaded,
    Copied,
}

/// <summary><c>pbench data fetch NAME [--from FOLDER]</c>: brings a dataset's files into the cache, each checked by SHA-256
/// before it takes its name.</summary>
public sealed class DatasetFetcher(DataFiles files, HttpClient http)
{
    /// <summary>Fetches every file that is not there yet; one that cannot be had does not keep the others back.</summary>
    /// <param name="dataset">Its name; datasets that it needs are fetched too.</param>
    /// <param name="from">A folder to copy from, by the same relative path or by the file's bare name; null to download.</param>
    /// <param name="progress">Told after each file.</param>
    /// <exception cref="PbenchException">Names every file that could not be had, and why.</exception>
    public async Task FetchAsync(string dataset, string? from, Action<DatasetFile, FetchOutcome> progress, CancellationToken cancellation)
    {
        if (from is not null && !Directory.Exists(from)) throw new PbenchException($"--from {from}: there is no such folder");
        var problems = new List<string>();
        foreach (var file in files.AllFiles(dataset))
        {
            try
            {
                progress(file, await FetchAsync(dataset, file, from, cancellation));
            }
            catch (PbenchException e)
            {
                problems.Add(e.Message);
            }
        }
        if (problems.Count > 0) throw new PbenchException($"dataset {dataset}: {problems.Count} file(s) could not be fetched:\n  {string.Join("\n  ", problems)}");
    }

    private async Task<FetchOutcome> FetchAsync(string dataset, DatasetFile file, string? from, CancellationToken cancellation)
    {
        var target = Path.Combine(files.CacheFolder, file.Path);
        if (File.Exists(target) && Digest.OfFile(target) == file.Sha256) return FetchOutcome.AlreadyThere;

        var (bytes, source) = from is not null ? CopyOf(file, from) : await DownloadAsync(dataset, file, cancellation);
        var digest = Digest.Of(bytes);
        if (digest != file.Sha256) throw new PbenchException($"{source}: expected {file.Bytes} bytes with SHA-256 {file.Sha256}, found {bytes.Length} with {digest}");
        AtomicFile.Write(target, stream => stream.Write(bytes));
        return from is not null ? FetchOutcome.Copied : FetchOutcome.Downloaded;
    }

    private static (byte[] Bytes, string Source) CopyOf(DatasetFile file, string from)
    {
        string[] places = [Path.Combine(from, file.Path), Path.Combine(from, Path.GetFileName(file.Path))];
        var path = places.FirstOrDefault(File.Exists) ?? throw new PbenchException($"{file.Path}: neither {places[0]} nor {places[1]} exists");
        try
        {
            var length = new FileInfo(path).Length;
            if (length != file.Bytes) throw new PbenchException($"{path}: expected {file.Bytes} bytes, found {length}");
            return (File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }

    private async Task<(byte[] Bytes, string Source)> DownloadAsync(string dataset, DatasetFile file, CancellationToken cancellation)
    {
        if (file.Address is null) throw new PbenchException($"{file.Path}: there is no address to download it from ({file.Origin}); run: pbench data fetch {dataset} --from FOLDER, with a folder that has it");
        try
        {
            using var response = await http.GetAsync(file.Address, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (!response.IsSuccessStatusCode) throw new PbenchException($"{file.Address}: the server answered {(int)response.StatusCode} {response.ReasonPhrase}");
            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            // One byte more than expected is asked for: an answer that is too long is known without being read to its end.
            var bytes = new byte[file.Bytes + 1];
            var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
            if (length != file.Bytes) throw new PbenchException($"{file.Address}: expected {file.Bytes} bytes, found {(length > file.Bytes ? "more" : length)}");
            return (bytes[..length], file.Address);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new PbenchException($"{file.Address}: could not be downloaded: {e.Message}; without a network, run: pbench data fetch {dataset} --from FOLDER", e);
        }
    }
}
