using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Catalog;

/// <summary>Where the files of the datasets are: their descriptions in the repository, their contents on this machine.</summary>
/// <param name="DatasetsFolder">The repository's <c>datasets</c>.</param>
/// <param name="Folders">Folders to look through, the first that has a file wins.</param>
/// <param name="CacheFolder">Where fetched files are put; the last of <paramref name="Folders"/>.</param>
public sealed record DataFiles(string DatasetsFolder, IReadOnlyList<string> Folders, string CacheFolder)
{
    /// <summary>
    /// PBENCH_DATA, or else <c>../shared</c> beside the repository where that exists; then the cache: <c>data</c> in
    /// PBENCH_CACHE, or else in <c>~/.cache/pbench</c>.
    /// </summary>
    /// <param name="repository">The folder that holds <c>datasets</c>.</param>
    /// <param name="environment">Reads an environment variable; null where it is not set.</param>
    public static DataFiles Find(string repository, Func<string, string?> environment)
    {
        var cacheRoot = environment("PBENCH_CACHE") is { Length: > 0 } given ? given : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "pbench");
        var cache = Path.Combine(cacheRoot, "data");
        var beside = Path.GetFullPath(Path.Combine(repository, "..", "shared"));
        string[] first = environment("PBENCH_DATA") is { Length: > 0 } data ? [data] : Directory.Exists(beside) ? [beside] : [];
        return new DataFiles(Path.Combine(repository, "datasets"), [.. first, cache], cache);
    }

    /// <summary>Paths of a dataset's files (and of those that it needs), by their path below the data folder; each has the
    /// SHA-256 of its description.</summary>
    /// <exception cref="PbenchException">A file is missing or another one than described; says how to get it.</exception>
    public IReadOnlyDictionary<string, string> Require(string dataset)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in AllFiles(dataset))
        {
            var path = Locate(file.Path) ?? throw new PbenchException($"dataset {dataset}: {file.Path} is in none of {string.Join(", ", Folders)}; {HowToGet(dataset, file)}");
            var digest = DigestOf(path);
            if (digest != file.Sha256) throw new PbenchException($"{path}: expected SHA-256 {file.Sha256} as datasets say for {dataset}, found {digest}; {HowToGet(dataset, file)}");
            found[file.Path] = path;
        }
        return found;
    }

    /// <summary>The dataset's own files and those of the datasets that it needs, each once.</summary>
    public IReadOnlyList<DatasetFile> AllFiles(string dataset)
    {
        var files = new List<DatasetFile>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        Visit(dataset);
        return files;

        void Visit(string name)
        {
            if (!seen.Add(name)) return;
            var manifest = DatasetManifest.Load(DatasetsFolder, name);
            files.AddRange(manifest.Files);
            foreach (var needed in manifest.Needs) Visit(needed);
        }
    }

    /// <summary>The first folder's file of that path; null where none has it. Its contents are not looked at.</summary>
    public string? Locate(string path) => Folders.Select(folder => Path.Combine(folder, path)).FirstOrDefault(File.Exists);

    private static string HowToGet(string dataset, DatasetFile file) => file.Address is not null
        ? $"run: pbench data fetch {dataset}"
        : $"it has no address ({file.Origin}); run: pbench data fetch {dataset} --from FOLDER, with a folder that has it";

    private static string DigestOf(string path)
    {
        try
        {
            return Digest.OfFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }
}
