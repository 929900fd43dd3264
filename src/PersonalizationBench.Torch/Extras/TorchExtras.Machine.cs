using TorchSharp;
#if !TORCHSHARP
using PersonalizationBench.Torch.Interop;
#endif

namespace PersonalizationBench.Torch;

/// <summary>
/// What the project needs of libtorch beyond TorchSharp's API: a fast path over the bridge, and one composed of
/// TorchSharp's public API for the build that takes TorchSharp's packages.
/// </summary>
public static partial class TorchExtras
{
    private static readonly Lazy<bool> s_fastBFloat16 = new(DetectBFloat16);

    /// <summary>True where the CPU multiplies bfloat16 in hardware; elsewhere it is slower than f32.</summary>
    public static bool FastBFloat16 => s_fastBFloat16.Value;

    /// <summary>Which binding this is, for the record of a run: its name and libtorch's version.</summary>
#if TORCHSHARP
    public static string Binding => $"TorchSharp {typeof(torch).Assembly.GetName().Version}, libtorch {torch.__version__}";
#else
    public static string Binding => $"native, libtorch {torch.__version__}";
#endif

    /// <summary>Threads that one operator uses on the CPU.</summary>
    public static int Threads
    {
        get => torch.get_num_threads();
        set => torch.set_num_threads(value);
    }

    /// <summary>Native tensors alive; a tensor held by two objects counts twice.</summary>
    public static long LiveTensors
    {
#if TORCHSHARP
        get => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
#else
        get => Bridge.pb_live_tensors();
#endif
    }

    /// <summary>Whether this libtorch has an operator, such as <c>aten::scaled_dot_product_attention</c>; false where it cannot be asked.</summary>
    /// <param name="name">with its overload, such as <c>aten::add.Tensor</c></param>
    public static bool HasOperator(string name)
    {
#if TORCHSHARP
        _ = name;
        return false;
#else
        return Op.Exists(name);
#endif
    }

    /// <summary>Gives memory that the allocators keep for the next tensors back: to the system, and on a GPU to the driver.</summary>
    public static void ReleaseMemory()
    {
#if !TORCHSHARP
        Bridge.pb_release_memory();
        if (torch.cuda.is_available())
            Bridge.Check(Bridge.pb_cuda_empty_cache(), "empty_cache");
#endif
    }

    /// <summary>Bytes of a CUDA device: what tensors hold now and held at their peak, and what the allocator holds.</summary>
    /// <returns>null where there is no such device, or the build cannot know</returns>
    public static DeviceMemory? CudaMemory(int device = 0)
    {
#if TORCHSHARP
        _ = device;
        return null;
#else
        if (device >= torch.cuda.device_count())
            return null;
        unsafe
        {
            long* figures = stackalloc long[4];
            return Bridge.pb_cuda_memory(device, figures) == 0 ? new DeviceMemory(figures[0], figures[1], figures[2], figures[3]) : null;
        }
#endif
    }

    /// <summary>Lets the peak of <see cref="CudaMemory"/> start again from what is held now; without effect where it is not known.</summary>
    public static void ResetCudaPeak(int device = 0)
    {
#if !TORCHSHARP
        if (device < torch.cuda.device_count())
            _ = Bridge.pb_cuda_reset_peak(device);
#endif
    }

    /// <summary>Lets f32 products on a GPU use TF32 (10 bits of mantissa), as PyTorch's users commonly do.</summary>
    public static void AllowTf32(bool allow)
    {
#if TORCHSHARP
        torch.backends.cuda.matmul.allow_tf32 = allow;
        torch.backends.cudnn.allow_tf32 = allow;
#else
        Bridge.pb_allow_tf32(allow ? 1 : 0);
#endif
    }

    private static bool DetectBFloat16()
    {
        const string CpuInfo = "/proc/cpuinfo";
        if (!File.Exists(CpuInfo))
            return false;
        string? flags = File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal) || line.StartsWith("Features", StringComparison.Ordinal));
        string[] names = flags?.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) ?? [];
        return names.Contains("amx_bf16") || names.Contains("avx512_bf16") || names.Contains("bf16");
    }
}

/// <summary>Bytes on one device.</summary>
/// <param name="Allocated">held by tensors now</param>
/// <param name="AllocatedPeak">held by tensors at most, since the start or the last reset</param>
/// <param name="Reserved">held by the allocator now</param>
/// <param name="ReservedPeak">held by the allocator at most</param>
public readonly record struct DeviceMemory(long Allocated, long AllocatedPeak, long Reserved, long ReservedPeak);
