using System.CommandLine;
using System.Globalization;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Runner.Execution;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench memory</c>: what scoring takes above a base's weights.</summary>
internal static class MemoryCommand
{
    public static Command Create(Workbench? bench = null)
    {
        var memory = new Command("memory", "Peak memory of scoring above the weights, on a base of 135 M parameters");
        memory.SetAction((_, cancellation) =>
        {
            var output = (bench ?? Workbench.OfThisMachine()).Output;
            output.WriteLine("path       rows  tokens  MB above the weights");
            var (weights, records) = MemoryBenchmark.Measure(
                Above, r => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Path,-9} {r.Rows,5} {r.Tokens,7} {r.AboveBytes / 1e6,21:N0}")), cancellation);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"weights {weights / 1e6:N0} MB; at most {records.Max(r => r.AboveBytes) / 1e6:N0} MB above them"));
            return Task.FromResult(0);
        });
        return memory;
    }

    private static long? Above(Action work)
    {
        var peak = new ProcessPeakMemory();
        peak.Reset();
        var before = peak.PeakBytes;
        work();
        return peak.PeakBytes - before;
    }
}
