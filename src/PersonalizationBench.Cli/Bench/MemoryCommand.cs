using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Runner.Execution;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench memory</c>: what scoring takes above a base's weights.</summary>
internal static class MemoryCommand
{
    private const long Goal = 1_000_000_000;

    private static readonly Option<int?> s_case = new("--case") { Description = "One case alone, in this process, as JSON", Hidden = true };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/memory of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("memory", "Peak memory of scoring above the weights, on a base of 135 M parameters") { s_case, s_output };
        command.SetAction((parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            if (parse.GetValue(s_case) is { } asked)
            {
                if (asked < 0 || asked >= MemoryBenchmark.Cases.Count) throw new PbenchException($"--case: expected 0 to {MemoryBenchmark.Cases.Count - 1}, not {asked}");
                workbench.Output.WriteLine(JsonSerializer.Serialize(MemoryBenchmark.Measure(MemoryBenchmark.Cases[asked], Above, cancellation)));
                return Task.FromResult(0);
            }
            var started = workbench.Clock.GetUtcNow();
            var records = MemoryBenchmark.Cases.Select((_, i) => InItsOwnProcess(i, cancellation)).ToList();
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "memory");
            BenchFolder.Write(folder, "memory.csv", records, "pbench bench memory", new JsonObject(), started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), MemoryPage.Of(records));
            workbench.Output.Write(MemoryPage.Table(records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return Task.FromResult(records.All(r => r.AboveBytes <= Goal) ? 0 : 1);
        });
        return command;
    }

    private static MemoryRecord InItsOwnProcess(int index, CancellationToken cancellation) =>
        JsonSerializer.Deserialize<MemoryRecord>(ThisProgram.Output(["bench", "memory", s_case.Name, index.ToString(CultureInfo.InvariantCulture)], cancellation))!;

    private static long? Above(Action work)
    {
        var peak = new ProcessPeakMemory();
        peak.Reset();
        var before = peak.PeakBytes;
        work();
        return peak.PeakBytes - before;
    }
}
