using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Results;

/// <summary>The words of the column <c>status</c>.</summary>
public static class CellStatus
{
    public const string Ok = "ok";
    public const string Failed = "failed";
    public const string Diverged = "diverged";
    public const string OutOfMemory = "out-of-memory";
}

/// <summary>What a cell gave: its row of <c>runs.csv</c> and its rows of <c>probes.csv</c> (none unless it is ok).</summary>
public sealed record CellResult(RunRecord Run, IReadOnlyList<ProbeRecord> Probes)
{
    /// <summary>For whoever repairs it: the exception with its stack trace; null where there was none.</summary>
    public string? Detail { get; init; }

    public bool IsOk => Run.Status == CellStatus.Ok;
}

/// <summary>Results could not be kept. What was committed before stays as it is.</summary>
public sealed class ResultsException(string message, Exception? inner = null) : PbenchException(message, inner)
{
    public override int ExitCode => 1;
}
