using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace PersonalizationBench.Kernels;

/// <summary>The engine under everything, TorchSharp over libtorch, and the process that it runs in.</summary>
public static partial class Engine
{
    // mallopt's parameters, from glibc's malloc.h.
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;

    /// <summary>How often libgomp's threads look before they sleep, whatever the policy says.</summary>
    public const string SpinVariable = "GOMP_SPINCOUNT";

    private const string WaitVariable = "OMP_WAIT_POLICY", Passive = "passive";

    private static readonly Lazy<bool> s_fastBFloat16 = new(DetectBFloat16);

    /// <summary>True where the CPU multiplies bfloat16 in hardware; elsewhere it is slower than f32.</summary>
    public static bool FastBFloat16 => s_fastBFloat16.Value;

    /// <summary>The engine with its version, which names libtorch's too.</summary>
    public static string Name { get; } = $"TorchSharp {typeof(torch).Assembly.GetName().Version!.ToString(3)}";

    /// <summary>For the record of a run: TorchSharp's version, libtorch's, and the kernels in use.</summary>
    public static string Description => $"{Name}, libtorch {torch.__version__}, {KernelLibrary.Description}";

    /// <summary>Threads that one operator uses on the CPU.</summary>
    public static int Threads
    {
        get => torch.get_num_threads();
        set => torch.set_num_threads(value);
    }

    /// <summary>What OpenMP's threads do while they wait, as the environment has it.</summary>
    public static string WaitPolicy => Environment.GetEnvironmentVariable(SpinVariable) is { } spins ? $"{spins} spins" : Environment.GetEnvironmentVariable(WaitVariable) ?? Passive;

    /// <summary>Tensors alive in the process; one held by two objects counts twice.</summary>
    public static long LiveTensors => torch.Tensor.TotalCount;

    /// <summary>Gives memory that the C library keeps for the next tensors back to the system.</summary>
    public static void ReleaseMemory() => _ = malloc_trim(0);

    /// <summary>Lets f32 products on a GPU use TF32 (10 bits of mantissa), as PyTorch's users commonly do.</summary>
    public static void AllowTf32(bool allow)
    {
        torch.backends.cuda.matmul.allow_tf32 = allow;
        torch.backends.cudnn.allow_tf32 = allow;
    }

    /// <summary>
    /// Sets the process up; runs when this assembly is first used, and does nothing after that. Call it before TorchSharp is used by anything
    /// else: what native libraries read from the environment they read when they are loaded.
    /// </summary>
#pragma warning disable CA2255 // meant for applications: this is the one place that every one of them comes by
    [ModuleInitializer]
    public static void Prepare()
#pragma warning restore CA2255
    {
        // .NET's own setter does not reach native code. Threads that spin after a parallel region starve others on a small machine.
        _ = setenv(WaitVariable, Passive, 0);
        // glibc hands large blocks back to the system at once; a training step would fault its activations' pages in again each time.
        _ = mallopt(MmapThreshold, 1 << 30);
        _ = mallopt(TrimThreshold, 1 << 30);
        _ = mallopt(TopPad, 64 << 20);
        torch.set_num_threads(PreparedThreads());
        FlushDenormals();
        MemoryWatch.Start();
    }

    /// <summary>
    /// Numbers below the smallest normal one count as zero in this thread, and in those that it starts: products with them take six to
    /// ten times as long.
    /// </summary>
    public static void FlushDenormals() => _ = SetFlushDenormal(GlobalContext(), true);

    /// <summary>libtorch's own function for <see cref="Threads"/>: kernels ask it before each piece of work.</summary>
    internal static nint ThreadCounter() =>
        NativeLibrary.GetExport(NativeLibrary.Load("libtorch_cpu.so", typeof(Engine).Assembly, null), "_ZN2at15get_num_threadsEv");

    private static int PreparedThreads() =>
        int.TryParse(Environment.GetEnvironmentVariable("PBENCH_THREADS"), NumberStyles.None, CultureInfo.InvariantCulture, out var threads) && threads > 0
            ? threads
            : Environment.ProcessorCount;

    private static bool DetectBFloat16()
    {
        const string CpuInfo = "/proc/cpuinfo";
        if (!File.Exists(CpuInfo)) return false;
        var flags = File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal) || line.StartsWith("Features", StringComparison.Ordinal));
        var names = flags?.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) ?? [];
        return names.Contains("amx_bf16") || names.Contains("avx512_bf16") || names.Contains("bf16");
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);

    [LibraryImport("libc")]
    private static partial int malloc_trim(nuint pad);

    // at::globalContext() and at::Context::setFlushDenormal(bool): TorchSharp has no way to them.
    [LibraryImport("libtorch_cpu.so", EntryPoint = "_ZN2at13globalContextEv")]
    private static partial nint GlobalContext();

    [LibraryImport("libtorch_cpu.so", EntryPoint = "_ZN2at7Context16setFlushDenormalEb")]
    [return: MarshalAs(UnmanagedType.U1)]
    private static partial bool SetFlushDenormal(nint context, [MarshalAs(UnmanagedType.U1)] bool flush);
}
