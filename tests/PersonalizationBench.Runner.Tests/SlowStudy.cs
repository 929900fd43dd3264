using System.Diagnostics;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Tests.Fakes;

namespace PersonalizationBench.Runner.Tests;

/// <summary>This assembly as a program of its own: a study slow enough to be killed in the middle of it.</summary>
internal static class SlowStudy
{
    public const string Yaml = """
        study: letters
        hypothesis: It can be killed.
        dataset: { name: letters }
        bases: [tiny]
        latency_probes: 0
        strategies:
          - type: none
          - type: lora
            rank: [1, 2]
            milliseconds: 60
        """;

    public static Process Start(string folder) =>
        Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(SlowStudy).Assembly.Location, folder]) { RedirectStandardOutput = true })!;

    public static int Main(string[] arguments)
    {
        var folder = arguments[0];
        var strategies = new FakeStrategies();
        var bases = new FakeBases();
        var plan = new StudyPlanner([new FakeDatasets()], bases, strategies).Plan(StudyFile.Read(Path.Combine(folder, "letters.yaml")));
        using var store = ResultStore.Open(Path.Combine(folder, "results"), plan, TimeProvider.System);
        var executor = new CellExecutor(new PhaseMeter(TimeProvider.System), new HeldOut(strategies));
        var outcome = new StudyRunner(bases, executor, new ArmCosts(TimeProvider.System), TimeProvider.System).Run(plan, store, new PlainProgress(Console.Out), CancellationToken.None);
        return outcome.Failed.Count;
    }
}
