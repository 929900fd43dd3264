using System.Diagnostics;
using System.Globalization;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <summary>One engine, at one level of the instruction set.</summary>
/// <param name="Engine">One of <see cref="EngineRecord"/>'s.</param>
/// <param name="Level">One of <see cref="EngineRecord"/>'s.</param>
/// <param name="Driver">Program and arguments that make it a driver.</param>
/// <param name="Pbench">Program that runs a study, and where it stands.</param>
/// <param name="Environment">What makes it this side.</param>
public sealed record EngineSide(string Engine, string Level, IReadOnlyList<string> Driver, IReadOnlyList<string> Pbench, string Folder, IReadOnlyDictionary<string, string> Environment)
{
    private static readonly string[] s_settings = ["PBENCH_ISA", "PBENCH_AMX", "PBENCH_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE"];

    /// <summary>What an operator's own libraries have that a processor with AVX2 alone has not is turned off as well.</summary>
    private static readonly Dictionary<string, string> s_avx2 = new()
    {
        ["ATEN_CPU_CAPABILITY"] = "avx2",
        ["ONEDNN_MAX_CPU_ISA"] = "AVX2",
        ["DNNL_MAX_CPU_ISA"] = "AVX2",
        ["MKL_ENABLE_INSTRUCTIONS"] = "AVX2",
        ["OPENBLAS_CORETYPE"] = "Haswell",
        ["PBENCH_AMX"] = "0", // the old engine's name for it
    };

    /// <summary>All sides, those at the processor's own level first.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="program">This program, as it was started: dotnet and pbench.dll, or pbench alone.</param>
    /// <param name="arguments">Of this program, that make it a driver.</param>
    public static IReadOnlyList<EngineSide> All(string root, IReadOnlyList<string> program, IReadOnlyList<string> arguments, int threads)
    {
        var old = Path.Combine(root, "out", "engines", "old");
        var (oldDriver, oldAvx2) = (Path.Combine(old, "src", "OldEngine", "bin", "Release", "net10.0"), Path.Combine(root, "out", "engines", "old-avx2", "program"));
        return
        [
            Old(EngineRecord.Best, oldDriver, []), Ours(EngineRecord.Operators, EngineRecord.Best, []), Ours(EngineRecord.Kernels, EngineRecord.Best, []),
            Old(EngineRecord.Avx2, oldAvx2, s_avx2), Ours(EngineRecord.Operators, EngineRecord.Avx2, s_avx2), Ours(EngineRecord.Kernels, EngineRecord.Avx2, s_avx2),
        ];

        EngineSide Old(string level, string folder, Dictionary<string, string> settings) => new(
            EngineRecord.Old, level, ["dotnet", Path.Combine(folder, "old-engine.dll"), old, threads.ToString(CultureInfo.InvariantCulture)], ["dotnet", Path.Combine(folder, "pbench.dll")], old, With(settings, null));

        EngineSide Ours(string engine, string level, Dictionary<string, string> settings) => new(
            engine, level, [.. program, .. arguments], program, root, With(settings, engine == EngineRecord.Operators ? "none" : level == EngineRecord.Avx2 ? "avx2" : null));

        Dictionary<string, string> With(Dictionary<string, string> settings, string? isa)
        {
            var all = new Dictionary<string, string>(settings) { ["PBENCH_THREADS"] = threads.ToString(CultureInfo.InvariantCulture) };
            if (isa is not null) all["PBENCH_ISA"] = isa;
            return all;
        }
    }

    /// <summary>How to start a program on this side; what this process was told about instruction sets does not reach it.</summary>
    public ProcessStartInfo Program(IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Folder };
        foreach (var name in s_settings) start.Environment.Remove(name);
        foreach (var (name, value) in Environment) start.Environment[name] = value;
        return start;
    }

    public override string ToString() => Level == EngineRecord.Best ? Engine : $"{Engine}, {Level}";
}
