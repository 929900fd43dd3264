using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Tests.Catalog;

/// <summary>A repository's <c>datasets</c>, a data folder and a cache in a temporary folder.</summary>
internal sealed class MadeFiles : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pbench-").FullName;

    public MadeFiles() => Files = new DataFiles(Folder("datasets"), [DataFolder, Folder("cache")], Folder("cache"));

    public DataFiles Files { get; }

    public string DataFolder => Folder("data");

    public string Folder(string name) => Path.Combine(_root, name);

    /// <summary>Writes a file below a folder and returns its path.</summary>
    public string Write(string folder, string path, string text)
    {
        var full = Path.Combine(Folder(folder), path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
        return full;
    }

    /// <summary>Describes a dataset whose files have the given contents (which are not written).</summary>
    public void Describe(string name, string needs, params (string Path, string Text, string? Address)[] files) =>
        Write("datasets", $"{name}/dataset.yaml", $"""
            name: {name}
            loader: none
            licence: MIT
            needs: [{needs}]
            files:

            """ + string.Concat(files.Select(f => $"""
              - path: {f.Path}
                {(f.Address is null ? "origin: made by hand" : $"address: {f.Address}")}
                bytes: {f.Text.Length}
                sha256: {Digest.Of(f.Text)}

            """)));

    /// <summary>The real files by PBENCH_DATA or beside the repository; skips the test, saying so, where a dataset's are not there.</summary>
    public static DataFiles RequireReal(string dataset)
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "PersonalizationBench.sln"))) at = at.Parent;
        Skip.If(at is null, "the tests do not run inside the repository");
        var files = DataFiles.Find(at!.FullName, Environment.GetEnvironmentVariable);
        var missing = files.AllFiles(dataset).FirstOrDefault(f => files.Locate(f.Path) is null);
        Skip.If(missing is not null, $"{missing?.Path} is not under PBENCH_DATA ({string.Join(", ", files.Folders)})");
        return files;
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
