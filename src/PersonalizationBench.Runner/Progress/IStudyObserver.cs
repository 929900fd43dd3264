using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Progress;

/// <summary>Watches a study run.</summary>
public interface IStudyObserver
{
    /// <summary>Before the first cell. <paramref name="skipped"/> cells had been measured before.</summary>
    void Begin(int total, int skipped);

    void Starting(CellProgress progress);

    void Finished(CellProgress progress, CellResult result);

    /// <summary>All cells of a base are measured; latency and memory of its arms are next.</summary>
    void MeasuringCosts(string baseName, int arms);
}

/// <summary>Where a study stands.</summary>
/// <param name="Number">This cell's place among all, those measured before included; from 1.</param>
/// <param name="Elapsed">What this cell took; zero while it runs.</param>
/// <param name="Remaining">Time to go after this cell; null while nothing tells.</param>
public sealed record CellProgress(int Number, int Total, Cell Cell, TimeSpan Elapsed, TimeSpan? Remaining);
