using PersonalizationBench.Core;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Execution;

/// <summary>How a run of a study ended.</summary>
/// <param name="Measured">Cells measured now.</param>
/// <param name="Skipped">Cells that had been measured before.</param>
/// <param name="Failed">Cells that gave no result.</param>
public sealed record StudyOutcome(int Measured, int Skipped, IReadOnlyList<(Cell Cell, CellResult Result)> Failed);

/// <summary>Runs the cells of a plan that have no result yet, base by base, and commits each; then what <see cref="ArmCosts"/> measures on
/// that base.</summary>
public sealed class StudyRunner(IBaseCatalog bases, CellExecutor executor, ArmCosts costs, TimeProvider clock)
{
    /// <summary>Whether there is nothing left to measure.</summary>
    public bool IsComplete(StudyPlan plan, ResultStore store) => plan.Cells.All(store.IsDone) && plan.Bases.All(b => costs.Lacking(plan, store, b.Name).Count == 0);

    /// <exception cref="OperationCanceledException">Cancelled: the cell in hand is given up, those before it are kept.</exception>
    /// <exception cref="ResultsException">Results could not be written.</exception>
    public StudyOutcome Run(StudyPlan plan, ResultStore store, IStudyObserver observer, CancellationToken cancellation)
    {
        var pending = plan.Cells.Where(c => !store.IsDone(c)).ToList();
        var failed = new List<(Cell, CellResult)>();
        var progress = new StudyProgress(plan.Cells.Count, pending, clock, observer);
        try
        {
            foreach (var group in plan.Cells.GroupBy(c => c.Base.Name))
            {
                using var loaded = new ReloadableBase(bases, group.First());
                foreach (var cell in group.Where(pending.Contains))
                {
                    cancellation.ThrowIfCancellationRequested();
                    progress.Start(cell);
                    var result = Execute(cell, loaded, cancellation);
                    store.Commit(cell, result);
                    if (!result.IsOk) failed.Add((cell, result));
                    progress.Finish(cell, result);
                }
                if (costs.Lacking(plan, store, group.Key) is { Count: > 0 } lacking)
                {
                    observer.MeasuringCosts(group.Key, lacking.Count);
                    failed.AddRange(costs.Measure(plan, store, group.Key, loaded.Get, cancellation));
                }
            }
        }
        finally
        {
            store.Publish();
        }
        return new StudyOutcome(pending.Count, plan.Cells.Count - pending.Count, failed);
    }

    private CellResult Execute(Cell cell, ReloadableBase loaded, CancellationToken cancellation)
    {
        IBaseModel baseModel;
        try
        {
            baseModel = loaded.Get();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return CellExecutor.Failure(cell, cell.Base, clock.GetUtcNow(), e);
        }
        var result = executor.Execute(cell, baseModel, cancellation);
        // A cell that fell over may have left the base half changed.
        if (!result.IsOk) loaded.Drop();
        return result;
    }

    /// <summary>A base, loaded when first asked for and again after it was dropped.</summary>
    private sealed class ReloadableBase(IBaseCatalog bases, Cell cell) : IDisposable
    {
        private IBaseModel? _loaded;

        public IBaseModel Get() => _loaded ??= bases.Load(cell.Base.Address, cell.Precision, cell.Device);

        public void Drop()
        {
            _loaded?.Dispose();
            _loaded = null;
        }

        public void Dispose() => Drop();
    }
}
