using System.Collections.Concurrent;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Tests.Fakes;

/// <summary>Says of every arm that its memory is as large as its label is long.</summary>
internal sealed class FakeProcess : IFreshProcess
{
    public ConcurrentBag<string> Measured { get; } = [];

    public MemoryFigures? MeasureMemory(StudyPlan plan, Cell cell, CancellationToken cancellation)
    {
        Measured.Add(cell.Strategy.Label);
        return new MemoryFigures(cell.Strategy.Label.Length * 1000, cell.Strategy.Label.Length * 10, 2);
    }
}
