using System.CommandLine;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench costs</c>: latency and memory of a study's arms in two orders.</summary>
internal static class CostsCommand
{
    private static readonly Argument<string> s_study = new("STUDY") { Description = "The study whose arms are measured, on its first base", DefaultValueFactory = _ => "experiments/quickstart.yaml" };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/costs of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("costs", "Measure latency and memory of a study's arms in two orders: they should not differ") { s_study, s_output };
        command.SetAction((parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            var plan = workbench.Planner.Plan(StudyFile.Read(parse.GetRequiredValue(s_study)));
            var cells = ArmCosts.Standing(plan, plan.Bases[0].Name).ToList();
            var orders = new[] { cells, Enumerable.Reverse(cells).ToList() }.Select(order => Measure(workbench, plan, order, cancellation)).ToList();
            var records = cells.ConvertAll(c => Record(plan, c, orders[0][c], orders[1][c]));
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "costs");
            BenchFolder.Write(folder, "costs.csv", records, "pbench bench costs", new JsonObject { ["study"] = plan.Name }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), CostOrdersPage.Of(records));
            workbench.Output.Write(CostOrdersPage.Table(records));
            foreach (var verdict in CostOrdersPage.Verdicts(records)) workbench.Output.WriteLine(verdict);
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return Task.FromResult(0);
        });
        return command;
    }

    private static Dictionary<Cell, (Interval? FirstToken, MemoryFigures? Memory)> Measure(Workbench bench, StudyPlan plan, IReadOnlyList<Cell> order, CancellationToken cancellation)
    {
        var measured = new Dictionary<Cell, (Interval?, MemoryFigures?)>(ReferenceEqualityComparer.Instance);
        using (var loaded = bench.Bases.Load(order[0].Base.Address, order[0].Precision, order[0].Device))
        {
            foreach (var (cell, times) in ArmCosts.Time(order, plan.File.Spec.LatencyProbes, loaded, bench.Clock, cancellation))
            {
                if (times.Failure is { } failure) throw new PbenchException($"{cell.Name}: {failure.Message}", failure);
                measured[cell] = (Latency.OfSeconds(times.FirstToken).P50, null);
            }
        }
        // One after another: in this command the order is what is looked at.
        foreach (var cell in order.Where(c => c.Strategy.Control.Length == 0)) measured[cell] = (measured[cell].Item1, bench.FreshProcess?.MeasureMemory(plan, cell, cancellation));
        return measured;
    }

    private static CostOrderRecord Record(StudyPlan plan, Cell cell, (Interval? FirstToken, MemoryFigures? Memory) forward, (Interval? FirstToken, MemoryFigures? Memory) reversed) => new()
    {
        Study = plan.Name,
        Base = cell.Base.Name,
        Dataset = cell.Dataset.Label,
        Strategy = cell.Strategy.Type,
        Label = cell.Strategy.Label,
        Control = cell.Strategy.Control,
        Probes = plan.File.Spec.LatencyProbes,
        FirstTokenMs = forward.FirstToken?.Estimate,
        FirstTokenMsLow = forward.FirstToken?.Low,
        FirstTokenMsHigh = forward.FirstToken?.High,
        FirstTokenMsReversed = reversed.FirstToken?.Estimate,
        FirstTokenMsReversedLow = reversed.FirstToken?.Low,
        FirstTokenMsReversedHigh = reversed.FirstToken?.High,
        MemoryAdaptBytes = forward.Memory?.AdaptBytes,
        MemoryAdaptBytesReversed = reversed.Memory?.AdaptBytes,
        MemoryAnswerBytes = forward.Memory?.AnswerBytes,
        MemoryAnswerBytesReversed = reversed.Memory?.AnswerBytes,
    };
}
