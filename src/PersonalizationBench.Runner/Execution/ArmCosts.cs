using PersonalizationBench.Core;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Latency and memory, which are measured of one cell of every arm on a base, when all its cells have been measured: another
/// seed's adapter is as large and as fast. Arms are then asked in turn, which cells that are measured one after another cannot be.</summary>
/// <param name="fresh">Starts the processes that memory is measured in; null: it is not measured.</param>
public sealed class ArmCosts(TimeProvider clock, IFreshProcess? fresh = null)
{
    private static readonly ParallelOptions s_processes = new() { MaxDegreeOfParallelism = Math.Min(2, Environment.ProcessorCount) };

    /// <summary>Cells that stand for their arms, gave a result, and have not all their costs yet.</summary>
    public IReadOnlyList<Cell> Lacking(StudyPlan plan, ResultStore store, string baseName) =>
        [.. Standing(plan, baseName).Where(c => store.Find(c) is { } result && (LacksLatency(plan, result.Run) || LacksMemory(plan, c, result.Run)))];

    /// <summary>Measures what is lacking and amends the cells' rows.</summary>
    /// <returns>Cells that fell over in it; they are then no longer done.</returns>
    public IReadOnlyList<(Cell Cell, CellResult Result)> Measure(StudyPlan plan, ResultStore store, string baseName, Func<IBaseModel> load, CancellationToken cancellation)
    {
        var failed = MeasureLatency(store, [.. Lacking(plan, store, baseName).Where(c => LacksLatency(plan, store.Find(c)!.Run))], plan.File.Spec.LatencyProbes, load, cancellation);
        MeasureMemory(plan, store, [.. Lacking(plan, store, baseName).Where(c => LacksMemory(plan, c, store.Find(c)!.Run))], cancellation);
        return failed;
    }

    /// <summary>One cell of every arm on a base: that of the first seed.</summary>
    public static IEnumerable<Cell> Standing(StudyPlan plan, string baseName) => plan.Cells.Where(c => c.Base.Name == baseName && c.Seed == plan.File.Spec.Seeds[0]);

    private static bool LacksLatency(StudyPlan plan, RunRecord run) => plan.File.Spec.LatencyProbes > 0 && run.LatencyProbes != plan.File.Spec.LatencyProbes;

    /// <summary>A control takes what its arm takes.</summary>
    private bool LacksMemory(StudyPlan plan, Cell cell, RunRecord run) => fresh is not null && plan.File.Spec.Memory && cell.Strategy.Control.Length == 0 && run.MemoryUsers is null;

    /// <summary>Latencies of arms in turn, each with a few users adapted for it.</summary>
    /// <param name="cells">In the order of the first turn.</param>
    /// <returns>In the same order, without arms that have no questions.</returns>
    public static IReadOnlyList<(Cell Cell, QuestionTimes Times)> Time(IReadOnlyList<Cell> cells, int probes, IBaseModel baseModel, TimeProvider clock, CancellationToken cancellation)
    {
        var arms = new List<(Cell Cell, IPersonalModels Models, IReadOnlyList<Question> Questions)>();
        var fallen = new List<(Cell, QuestionTimes)>();
        try
        {
            foreach (var cell in cells)
            {
                cancellation.ThrowIfCancellationRequested();
                var sample = CostSample.Of(cell, probes);
                try
                {
                    if (sample.Questions.Count > 0) arms.Add((cell, sample.Adapt(cell, baseModel, cancellation), sample.Questions));
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    fallen.Add((cell, new QuestionTimes([], [], []) { Failure = e }));
                }
            }
            return [.. arms.Zip(LatencyPass.Measure(arms.ConvertAll(a => (a.Models, a.Questions)), probes, clock, cancellation), (arm, times) => (arm.Cell, times)), .. fallen];
        }
        finally
        {
            arms.ForEach(a => a.Models.Dispose());
        }
    }

    private List<(Cell, CellResult)> MeasureLatency(ResultStore store, IReadOnlyList<Cell> cells, int probes, Func<IBaseModel> load, CancellationToken cancellation)
    {
        var failed = new List<(Cell, CellResult)>();
        if (cells.Count == 0) return failed;
        var baseModel = load();
        foreach (var (cell, times) in Time(cells, probes, baseModel, clock, cancellation))
        {
            if (times.Failure is null)
            {
                store.Amend(cell, times.Fill);
                continue;
            }
            var result = CellExecutor.Failure(cell, baseModel.Info, clock.GetUtcNow(), times.Failure);
            store.Amend(cell, _ => result.Run);
            failed.Add((cell, result));
        }
        return failed;
    }

    private void MeasureMemory(StudyPlan plan, ResultStore store, IReadOnlyList<Cell> cells, CancellationToken cancellation)
    {
        // Each is a process of its own, and no other's time is taken: two at once measure the same.
        var figures = new MemoryFigures?[cells.Count];
        Parallel.For(0, cells.Count, s_processes, i => figures[i] = fresh!.MeasureMemory(plan, cells[i], cancellation));
        foreach (var (cell, memory) in cells.Zip(figures))
        {
            if (memory is not null) store.Amend(cell, run => run with { MemoryAdaptBytes = memory.AdaptBytes, MemoryAnswerBytes = memory.AnswerBytes, MemoryUsers = memory.Users });
        }
    }
}
