namespace PersonalizationBench.Cli.Bench;

/// <summary>This program, to be started again beside itself.</summary>
internal static class ThisProgram
{
    /// <summary>As it was started: by dotnet, or by itself where it was published.</summary>
    public static IReadOnlyList<string> Command { get; } = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"
        ? [Environment.ProcessPath!, typeof(ThisProgram).Assembly.Location]
        : [Environment.ProcessPath!];
}
