namespace PersonalizationBench.Tests;

/// <summary>Real weights and data, which the repository does not carry: under PBENCH_DATA, else in ../shared beside it.</summary>
internal static class SharedData
{
    /// <summary>The file's path; skips the test, saying so, where it is not there.</summary>
    public static string Require(string file)
    {
        var path = Path.Combine(Root(), file);
        Skip.IfNot(File.Exists(path), $"{file} is not under PBENCH_DATA ({Root()})");
        return path;
    }

    /// <summary>Names of the folders in one; none where it is not there.</summary>
    public static IEnumerable<string> Folders(string folder)
    {
        var path = Path.Combine(Root(), folder);
        return Directory.Exists(path) ? Directory.GetDirectories(path).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal) : [];
    }

    private static string Root()
    {
        if (Environment.GetEnvironmentVariable("PBENCH_DATA") is { Length: > 0 } folder) return folder;
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "PersonalizationBench.sln"))) at = at.Parent;
        return at is null ? "shared" : Path.Combine(at.FullName, "..", "shared");
    }
}

/// <summary>A folder that is gone when the test is over.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("pbench-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
