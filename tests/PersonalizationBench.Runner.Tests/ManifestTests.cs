using System.Text.Json.Nodes;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Tests.Fakes;

namespace PersonalizationBench.Runner.Tests;

public sealed class ManifestTests
{
    private static readonly RunEnvironment Machine = new("A processor", 2, 1 << 30, "Linux", ".NET 10", "2.0.0", "abc");

    [Fact]
    public void It_holds_the_resolved_study_and_every_run()
    {
        using var bench = new Bench();
        var plan = bench.Plan(Bench.Complete);
        var noon = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
        Invocation Run(string command, int hour) => new(command, noon.AddHours(hour), noon.AddHours(hour + 0.5), 3, Machine);
        Manifest.Write(bench.Results, plan, Run("pbench run a", 0) with { Finished = null, Measured = null }, isFresh: false);
        Manifest.Write(bench.Results, plan, Run("pbench run b", 1) with { Finished = null, Measured = null }, isFresh: false);
        Manifest.Write(bench.Results, plan, Run("pbench run b", 1), isFresh: false);
        Golden.Check("manifest.json", bench.Text("manifest.json"));
        Manifest.Write(bench.Results, plan, Run("pbench run c", 2), isFresh: true);
        Assert.Single(JsonNode.Parse(bench.Text("manifest.json"))!["invocations"]!.AsArray());
    }

    [Fact]
    public void The_machine_is_described()
    {
        var machine = RunEnvironment.Capture("1.2.3");
        Assert.NotEmpty(machine.Processor);
        Assert.True(machine.Cores > 0 && machine.MemoryBytes > 1 << 20);
        Assert.StartsWith(".NET ", machine.DotNet, StringComparison.Ordinal);
        Assert.Equal("1.2.3", machine.Libtorch);
    }

    [SkippableFact]
    public void The_peak_of_resident_memory_is_that_of_the_phase()
    {
        var memory = new ProcessPeakMemory();
        Assert.Null(memory.PeakBytes);
        memory.Reset();
        Skip.If(memory.PeakBytes is null, "the kernel does not let the high-water mark be lowered");
        var before = memory.PeakBytes!.Value;
        var block = GC.AllocateUninitializedArray<byte>(64 << 20);
        Array.Fill(block, (byte)1);
        Assert.True(memory.PeakBytes >= before + (32 << 20));
        GC.KeepAlive(block);
    }
}
