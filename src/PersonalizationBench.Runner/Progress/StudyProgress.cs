using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Progress;

/// <summary>Counts and times the cells of a run, and estimates what is to come from what has been: a cell takes as long as
/// the mean of its strategy on its base, else of its strategy, else of all.</summary>
internal sealed class StudyProgress
{
    private readonly int _total;
    private readonly List<Cell> _pending;
    private readonly TimeProvider _clock;
    private readonly IStudyObserver _observer;
    private readonly List<(Cell Cell, double Seconds)> _done = [];
    private long _started;

    public StudyProgress(int total, IReadOnlyList<Cell> pending, TimeProvider clock, IStudyObserver observer)
    {
        (_total, _pending, _clock, _observer) = (total, [.. pending], clock, observer);
        observer.Begin(total, total - pending.Count);
    }

    public void Start(Cell cell)
    {
        _started = _clock.GetTimestamp();
        _observer.Starting(At(cell, TimeSpan.Zero));
    }

    public void Finish(Cell cell, CellResult result)
    {
        var elapsed = _clock.GetElapsedTime(_started);
        _pending.Remove(cell);
        _done.Add((cell, elapsed.TotalSeconds));
        _observer.Finished(At(cell, elapsed), result);
    }

    private CellProgress At(Cell cell, TimeSpan elapsed)
    {
        var number = _total - _pending.Count + (_pending.Contains(cell) ? 1 : 0);
        return new CellProgress(number, _total, cell, elapsed, _done.Count == 0 ? null : TimeSpan.FromSeconds(_pending.Sum(Estimate)));
    }

    private double Estimate(Cell cell) =>
        Mean(d => d.Strategy.Type == cell.Strategy.Type && d.Base.Name == cell.Base.Name) ?? Mean(d => d.Strategy.Type == cell.Strategy.Type) ?? _done.Average(d => d.Seconds);

    private double? Mean(Func<Cell, bool> isLike)
    {
        var alike = _done.Where(d => isLike(d.Cell)).ToList();
        return alike.Count == 0 ? null : alike.Average(d => d.Seconds);
    }
}
