using System.Globalization;
using System.Runtime;
using System.Runtime.InteropServices;

namespace PersonalizationBench.Runner.Execution;

/// <summary>The process's resident memory by Linux's own counts. The largest is its high-water mark, which
/// <c>/proc/self/clear_refs</c> lowers to the present size (proc(5)). Null elsewhere, or where the mark may not be lowered: it would
/// then tell of an earlier phase. The kernel sums pages up by the batch: what is less than a megabyte is not told (proc(5): "this value is
/// inaccurate").</summary>
public sealed class ProcessPeakMemory
{
    private bool _isReset;

    public void Reset()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            _isReset = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isReset = false;
        }
    }

    /// <summary>The largest since the last <see cref="Reset"/>, in bytes.</summary>
    public long? PeakBytes => _isReset ? Read("VmHWM:") : null;

    /// <summary>What is held once everything that can be given back is: garbage is collected, and the allocators' free pages go
    /// back to the system.</summary>
    public static long? Settle()
    {
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library than GNU's: what its allocator keeps is counted.
        }
        return Read("VmRSS:");
    }

    private static long? Read(string key)
    {
        const string file = "/proc/self/status";
        if (!File.Exists(file)) return null;
        var fields = File.ReadLines(file).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal))?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return fields is [_, var kilobytes, "kB"] ? long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024 : null;
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int MallocTrim(nuint pad);
}
