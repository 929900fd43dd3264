using System.Globalization;

namespace PersonalizationBench.Runner.Execution;

/// <summary>The largest memory in use since the last <see cref="Reset"/>.</summary>
public interface IPeakMemory
{
    void Reset();

    /// <summary>Bytes; null where it cannot be measured.</summary>
    long? PeakBytes { get; }
}

/// <summary>The process's resident memory by Linux's own high-water mark, which <c>/proc/self/clear_refs</c> lowers to the
/// present size (proc(5)). Null elsewhere, or where the mark may not be lowered: it would then tell of an earlier phase.</summary>
public sealed class ProcessPeakMemory : IPeakMemory
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

    public long? PeakBytes
    {
        get
        {
            if (!_isReset) return null;
            var line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            var fields = line?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return fields is [_, var kilobytes, "kB"] ? long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024 : null;
        }
    }
}

/// <summary>Where there is no device to measure.</summary>
public sealed class NoPeakMemory : IPeakMemory
{
    public void Reset()
    {
    }

    public long? PeakBytes => null;
}
