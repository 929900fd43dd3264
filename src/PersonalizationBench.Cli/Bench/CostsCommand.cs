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
            List<Cell>[] orders = [cells, [.. Enumerable.Reverse(cells)]];
            // There, back, back and there again, half the questions each: what the machine gains or loses on the way is both orders' alike.
            var times = new[] { 0, 1, 1, 0 }.Select(order => (Order: order, Times: Time(workbench, plan, orders[order], cancellation))).ToLookup(p => p.Order, p => p.Times);
            // One process after another: in this command the order is what is looked at.
            var memory = orders.Select(order => order.Where(c => c.Strategy.Control.Length == 0).ToDictionary(c => c.Key, c => workbench.FreshProcess?.MeasureMemory(plan, c, cancellation))).ToList();
            var records = cells.ConvertAll(c => Record(plan, c, Of(c, 0), Of(c, 1)));
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "costs");
            BenchFolder.Write(folder, "costs.csv", records, "pbench bench costs", new JsonObject { ["study"] = plan.Name }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), CostOrdersPage.Of(records));
            workbench.Output.Write(CostOrdersPage.Table(records));
            foreach (var verdict in CostOrdersPage.Verdicts(records)) workbench.Output.WriteLine(verdict);
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return Task.FromResult(0);

            (Interval? FirstToken, MemoryFigures? Memory) Of(Cell cell, int order) => (Latency.OfSeconds([.. times[order].SelectMany(t => t[cell.Key])]).P50, memory[order].GetValueOrDefault(cell.Key));
        });
        return command;
    }

    /// <summary>Of every arm, by its cell's key, the seconds from question to first token.</summary>
    private static Dictionary<string, IReadOnlyList<double>> Time(Workbench bench, StudyPlan plan, IReadOnlyList<Cell> order, CancellationToken cancellation)
    {
        using var loaded = bench.Bases.Load(order[0].Base.Address, order[0].Precision, order[0].Device);
        return ArmCosts.Time(order, (plan.File.Spec.LatencyProbes + 1) / 2, loaded, bench.Clock, cancellation)
            .ToDictionary(t => t.Cell.Key, t => t.Times.Failure is { } failure ? throw new PbenchException($"{t.Cell.Name}: {failure.Message}", failure) : t.Times.FirstToken);
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
