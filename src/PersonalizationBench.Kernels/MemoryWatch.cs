using System.Buffers.Text;

namespace PersonalizationBench.Kernels;

/// <summary>
/// Tells the collector how much memory the process really holds. A tensor is a few dozen bytes to it, whatever lies behind: 120 undisposed
/// ones of 16 MiB, 2 GB in all, were alive before it looked for the first time. TorchSharp says nothing, and operators allocate where nobody
/// sees it; so what the process holds is read, fifty times a second, and what was added since is said.
/// </summary>
internal static class MemoryWatch
{
    private const string Statistics = "/proc/self/statm";
    private const long Granularity = 32L << 20;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Watches for as long as the process lives; where the system has no such file, nothing is watched.</summary>
    public static void Start()
    {
        if (!File.Exists(Statistics)) return;
        new Thread(Watch) { IsBackground = true, Name = "memory watch" }.Start();
    }

    private static void Watch()
    {
        var told = 0L;
        Span<byte> text = stackalloc byte[128];
        using var file = File.OpenHandle(Statistics);
        while (true)
        {
            Thread.Sleep(s_pause);
            var held = Held(text[..RandomAccess.Read(file, text, 0)]) - GC.GetTotalMemory(false);
            // In steps: what the collector is told it may answer with a collection.
            if (held >= told + Granularity)
            {
                GC.AddMemoryPressure(held - told);
                told = held;
            }
            else if (held <= told - Granularity)
            {
                GC.RemoveMemoryPressure(told - held);
                told = held;
            }
        }
    }

    // The second number is the pages in memory (proc(5)).
    private static long Held(ReadOnlySpan<byte> statistics)
    {
        var second = statistics[(statistics.IndexOf((byte)' ') + 1)..];
        return Utf8Parser.TryParse(second, out long pages, out _) ? pages * Environment.SystemPageSize : 0;
    }
}
