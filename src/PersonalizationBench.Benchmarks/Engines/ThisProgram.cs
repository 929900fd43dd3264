using System.Diagnostics;
using System.Reflection;
using PersonalizationBench.Core;

namespace PersonalizationBench.Benchmarks;

/// <summary>This program, to be started again beside itself.</summary>
public static class ThisProgram
{
    /// <summary>As it was started: by dotnet, or by itself where it was published.</summary>
    public static IReadOnlyList<string> Command { get; } = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"
        ? [Environment.ProcessPath!, Assembly.GetEntryAssembly()!.Location]
        : [Environment.ProcessPath!];

    /// <summary>Runs it with other words of the environment, on this process's own input and output.</summary>
    /// <returns>Its exit status.</returns>
    public static int Run(IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(Command[0], [.. Command.Skip(1), .. arguments]);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>What it prints.</summary>
    /// <param name="settings">Of instruction sets, as <see cref="InstructionSet.Apply"/> takes them; null: as this process has them.</param>
    /// <exception cref="PbenchException">It failed.</exception>
    public static string Output(IReadOnlyList<string> arguments, CancellationToken cancellation, IReadOnlyDictionary<string, string>? settings = null)
    {
        cancellation.ThrowIfCancellationRequested();
        var start = new ProcessStartInfo(Command[0], [.. Command.Skip(1), .. arguments]) { RedirectStandardOutput = true };
        if (settings is not null) InstructionSet.Apply(settings, start);
        using var process = Process.Start(start)!;
        using var stop = cancellation.Register(process.Kill);
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        return process.ExitCode == 0 ? said : throw new PbenchException($"{string.Join(' ', arguments)}: the process ended with status {process.ExitCode}");
    }
}
