namespace PersonalizationBench.Core;

/// <summary>A folder of its own for what does not outlive its work.</summary>
/// <param name="purpose">Part of its name, such as <c>sweep</c>.</param>
public sealed class ScratchFolder(string purpose) : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory($"pbench-{purpose}-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
