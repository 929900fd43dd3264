using System.Reflection;

namespace PersonalizationBench.Benchmarks;

/// <summary>This program, to be started again beside itself.</summary>
public static class ThisProgram
{
    /// <summary>As it was started: by dotnet, or by itself where it was published.</summary>
    public static IReadOnlyList<string> Command { get; } = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"
        ? [Environment.ProcessPath!, Assembly.GetEntryAssembly()!.Location]
        : [Environment.ProcessPath!];
}
