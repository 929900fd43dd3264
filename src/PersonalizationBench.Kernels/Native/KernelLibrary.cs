using System.Runtime.InteropServices;

namespace PersonalizationBench.Kernels;

/// <summary>
/// The library of kernels that native/build.sh makes where a C++ compiler is, and the level of the instruction set that is taken from it:
/// the best that the processor has, or what the variable <c>PBENCH_ISA</c> asks for (none, avx2, avx512, avx512-bf16, amx).
/// </summary>
public static class KernelLibrary
{
    public const string FileName = "libpbkernels.so", Variable = "PBENCH_ISA";

    private static readonly Lazy<KernelFunctions[]> s_levels = new(Load);
    private static readonly Lazy<KernelFunctions?> s_preferred = new(() => Preferred(Environment.GetEnvironmentVariable(Variable)));
    private static KernelFunctions? s_current;
    private static bool s_chosen;

    /// <summary>Levels that this machine and the library have, the lowest first; without a library <see cref="KernelLevel.None"/> alone.</summary>
    public static IReadOnlyList<KernelLevel> Available => [KernelLevel.None, .. s_levels.Value.Select(level => level.Level)];

    /// <summary>The level in use; for the whole process.</summary>
    /// <exception cref="ArgumentOutOfRangeException">This machine or the library has no such level.</exception>
    public static KernelLevel Level
    {
        get => Current?.Level ?? KernelLevel.None;
        set => (s_current, s_chosen) = (Of(value), true);
    }

    /// <summary>For the record of a run.</summary>
    public static string Description => Level == KernelLevel.None ? "no kernels" : $"kernels {Name(Level)}";

    /// <summary>The level's name in <see cref="Variable"/> and in records.</summary>
    public static string Name(KernelLevel level) => level switch
    {
        KernelLevel.None => "none",
        KernelLevel.Avx2 => "avx2",
        KernelLevel.Avx512 => "avx512",
        KernelLevel.Avx512Bf16 => "avx512-bf16",
        KernelLevel.Amx => "amx",
        _ => throw new ArgumentOutOfRangeException(nameof(level), level, null),
    };

    /// <summary>Null where operators do everything.</summary>
    internal static KernelFunctions? Current => s_chosen ? s_current : s_preferred.Value;

    /// <param name="wanted">a level's name; empty: the best</param>
    internal static KernelFunctions? Preferred(string? wanted)
    {
        if (string.IsNullOrEmpty(wanted)) return s_levels.Value.LastOrDefault();
        var known = Enum.GetValues<KernelLevel>().Where(level => Name(level) == wanted).ToArray();
        if (known.Length == 0) throw new InvalidOperationException($"{Variable}={wanted}: expected one of {Names(Enum.GetValues<KernelLevel>())}");
        return Available.Contains(known[0]) ? Of(known[0]) : throw new InvalidOperationException($"{Variable}={wanted}: this machine has {Names(Available)}");
    }

    private static KernelFunctions? Of(KernelLevel level) => level == KernelLevel.None
        ? null
        : s_levels.Value.FirstOrDefault(functions => functions.Level == level) ?? throw new ArgumentOutOfRangeException(nameof(level), level, $"this machine has {Names(Available)}");

    private static string Names(IEnumerable<KernelLevel> levels) => string.Join(", ", levels.Select(Name));

    private static unsafe KernelFunctions[] Load()
    {
        // libtorch first: it brings the libgomp that the kernels then share with it.
        var threads = Engine.ThreadCounter();
        if (!NativeLibrary.TryLoad(Path.Combine(AppContext.BaseDirectory, FileName), out var library) &&
            !NativeLibrary.TryLoad(FileName, typeof(KernelLibrary).Assembly, null, out library))
            return [];
        var best = ((delegate* unmanaged<int>)NativeLibrary.GetExport(library, "pb_best_level"))();
        return [.. Enum.GetValues<KernelLevel>()
            .Where(level => level != KernelLevel.None && (int)level <= best)
            .Select(level => KernelFunctions.TryOpen(library, level, threads))
            .OfType<KernelFunctions>()];
    }
}
