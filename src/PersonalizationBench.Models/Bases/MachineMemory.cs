using System.Globalization;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>Memory that a base wants against what can be had. Where more is taken than there is, the system may end the process, and a
/// study with it: what cannot be is refused before it is tried.</summary>
internal static class MachineMemory
{
    /// <summary>What <paramref name="take"/> makes.</summary>
    /// <param name="source">What wants the memory, for errors: a file or a base.</param>
    /// <param name="what">What it wants it for.</param>
    /// <param name="bytes">How much, at least.</param>
    /// <param name="device">Beforehand only the memory of <c>cpu</c> is known.</param>
    /// <exception cref="NotEnoughMemoryException">It is more than can be had, or the allocator says so.</exception>
    public static T Take<T>(string source, string what, double bytes, string device, Func<T> take)
    {
        var available = device == "cpu" ? Available() : double.PositiveInfinity;
        if (bytes > available) throw new NotEnoughMemoryException($"{source}: {what} take {Shown(bytes)} of memory, and {Shown(available)} can be had");
        try
        {
            return take();
        }
        catch (Exception e) when (e is not NotEnoughMemoryException && NotEnoughMemoryException.IsSaidBy(e))
        {
            throw new NotEnoughMemoryException($"{source}: {what} take {Shown(bytes)} of memory, which could not be had on {device}: {e.Message}", e);
        }
    }

    /// <summary>Bytes that this process can still get: what Linux says is available, and room to swap, within a container's limit.</summary>
    private static double Available()
    {
        var free = Lines("/proc/meminfo").Where(l => l is ["MemAvailable:" or "SwapFree:", ..]).Sum(l => 1024 * double.Parse(l[1], CultureInfo.InvariantCulture));
        var limit = Lines("/sys/fs/cgroup/memory.max").Select(l => double.TryParse(l[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var bytes) ? bytes : double.PositiveInfinity).FirstOrDefault(double.PositiveInfinity);
        return Math.Min(limit, free > 0 ? free : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
    }

    private static IEnumerable<string[]> Lines(string path) =>
        File.Exists(path) ? File.ReadLines(path).Select(l => l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Where(l => l.Length > 0) : [];

    private static string Shown(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:N1} GB");
}
