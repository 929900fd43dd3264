using System.Diagnostics;
using System.Runtime.InteropServices;
using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Results;

/// <summary>Where and with what a study ran; part of <c>manifest.json</c>.</summary>
/// <param name="Processor">As the kernel names it; empty where it does not.</param>
/// <param name="Cores">Logical processors that this process may use.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
/// <param name="Libtorch">The engine with its versions, libtorch's among them; empty where it is not known.</param>
/// <param name="GitCommit">Of the working folder; null outside a repository.</param>
public sealed record RunEnvironment(string Processor, int Cores, long MemoryBytes, string OperatingSystem, string DotNet, string Libtorch, string? GitCommit)
{
    public static RunEnvironment Capture(string libtorch) => new(
        ProcessorName, Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, libtorch, FindCommit());

    /// <summary>As the kernel names it, and else the architecture.</summary>
    public static string ProcessorName { get; } = ReadProcessorName();

    /// <summary>What a revision's provenance says of the code that trained it.</summary>
    public static string CodeVersion() => $"pbench {typeof(RunEnvironment).Assembly.GetName().Version}, measurement {Measurement.Version}, {FindCommit() ?? "outside a repository"}";

    private static string ReadProcessorName()
    {
        const string file = "/proc/cpuinfo";
        if (!File.Exists(file)) return RuntimeInformation.ProcessArchitecture.ToString();
        var line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>Of the working folder, with <c>-dirty</c> where it was changed; null outside a repository.</summary>
    public static string? FindCommit()
    {
        try
        {
            using var git = Process.Start(new ProcessStartInfo("git", ["describe", "--always", "--dirty", "--abbrev=40"]) { RedirectStandardOutput = true, RedirectStandardError = true });
            var commit = git!.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return git.ExitCode == 0 ? commit : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null; // no git here: the manifest goes without
        }
    }
}
