using System.Diagnostics;
using System.Globalization;
using PersonalizationBench.Kernels;
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
    /// <summary>All sides, those at the processor's own level first.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="program">This program, as it was started: dotnet and pbench.dll, or pbench alone.</param>
    /// <param name="arguments">Of this program, that make it a driver.</param>
    public static IReadOnlyList<EngineSide> All(string root, IReadOnlyList<string> program, IReadOnlyList<string> arguments, int threads)
    {
        var old = Path.Combine(root, "out", "engines", "old");
        var (oldDriver, oldAvx2) = (Path.Combine(old, "src", "OldEngine", "bin", "Release", "net10.0"), Path.Combine(root, "out", "engines", "old-avx2", "program"));
        var avx2 = new Dictionary<string, string>(InstructionSet.SettingsOf(KernelLevel.Avx2)) { [InstructionSet.OldAmx] = "0" };
        return
        [
            Old(EngineRecord.Best, oldDriver, []), Ours(EngineRecord.Operators, EngineRecord.Best, []), Ours(EngineRecord.Kernels, EngineRecord.Best, []),
            Old(EngineRecord.Avx2, oldAvx2, avx2), Ours(EngineRecord.Operators, EngineRecord.Avx2, avx2), Ours(EngineRecord.Kernels, EngineRecord.Avx2, avx2),
        ];

        EngineSide Old(string level, string folder, Dictionary<string, string> settings) => new(
            EngineRecord.Old, level, ["dotnet", Path.Combine(folder, "old-engine.dll"), old, threads.ToString(CultureInfo.InvariantCulture)], ["dotnet", Path.Combine(folder, "pbench.dll")], old, With(settings, null));

        EngineSide Ours(string engine, string level, Dictionary<string, string> settings) => new(
            engine, level, [.. program, .. arguments], program, root, With(settings, engine == EngineRecord.Operators ? KernelLibrary.Name(KernelLevel.None) : level == EngineRecord.Avx2 ? KernelLibrary.Name(KernelLevel.Avx2) : null));

        Dictionary<string, string> With(Dictionary<string, string> settings, string? isa)
        {
            var all = new Dictionary<string, string>(settings) { ["PBENCH_THREADS"] = threads.ToString(CultureInfo.InvariantCulture) };
            if (isa is not null) all[KernelLibrary.Variable] = isa;
            return all;
        }
    }

    /// <summary>How to start a program on this side; what this process was told about instruction sets does not reach it.</summary>
    public ProcessStartInfo Program(IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Folder };
        InstructionSet.Apply(Environment, start);
        return start;
    }

    public override string ToString() => Level == EngineRecord.Best ? Engine : $"{Engine}, {Level}";
}
