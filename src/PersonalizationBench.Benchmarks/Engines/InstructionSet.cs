using System.Diagnostics;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Benchmarks;

/// <summary>What holds a process to a level of the instruction set: our kernels, and the libraries that libtorch's operators stand on.</summary>
public static class InstructionSet
{
    /// <summary>The old engine's name for tiles; 0 turns them off.</summary>
    public const string OldAmx = "PBENCH_AMX";

    private static readonly string[] s_names = [KernelLibrary.Variable, OldAmx, "PBENCH_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE"];

    /// <summary>For the operators' libraries; what a processor of that level has not is turned off in them.</summary>
    public static IReadOnlyDictionary<string, string> SettingsOf(KernelLevel level) => level switch
    {
        KernelLevel.Avx2 => new Dictionary<string, string>
        {
            ["ATEN_CPU_CAPABILITY"] = "avx2",
            ["ONEDNN_MAX_CPU_ISA"] = "AVX2",
            ["DNNL_MAX_CPU_ISA"] = "AVX2",
            ["MKL_ENABLE_INSTRUCTIONS"] = "AVX2",
            ["OPENBLAS_CORETYPE"] = "Haswell",
        },
        KernelLevel.Avx512 => new Dictionary<string, string> { ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE" },
        KernelLevel.Avx512Bf16 => new Dictionary<string, string> { ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_BF16" },
        _ => new Dictionary<string, string>(),
    };

    /// <summary>Gives a process these settings and none that this process was given.</summary>
    public static void Apply(IReadOnlyDictionary<string, string> settings, ProcessStartInfo start)
    {
        foreach (var name in s_names) start.Environment.Remove(name);
        foreach (var (name, value) in settings) start.Environment[name] = value;
    }
}
