using System.Runtime.InteropServices;

namespace PersonalizationBench.Models;

/// <summary>
/// Memory of adapters in use, in huge pages where the system has them: a step jumps through many adapters, and with small pages a miss
/// of the translation cache at each costs more than the product. The system gives a page when it is first written.
/// </summary>
internal static unsafe partial class SlotMemory
{
    private const nuint HugePage = 2u << 20;
    private const int AdviseHugePages = 14;

    public static void* Allocate(long bytes)
    {
        var size = ((nuint)bytes + HugePage - 1) / HugePage * HugePage;
        var memory = NativeMemory.AlignedAlloc(size, HugePage);
        // A wish: refused, it is only slower.
        if (OperatingSystem.IsLinux()) _ = madvise(memory, size, AdviseHugePages);
        return memory;
    }

    public static void Free(void* memory) => NativeMemory.AlignedFree(memory);

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
