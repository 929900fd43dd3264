namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/engines/engines.csv</c>: one engine at one thing.</summary>
public sealed record EngineRecord
{
    /// <summary>The engines: ours before TorchSharp; TorchSharp by libtorch's operators alone; TorchSharp with the kernels.</summary>
    public const string Old = "old", Operators = "operators", Kernels = "kernels";

    /// <summary>The levels: what the processor has; AVX2 and nothing newer, in the operators' own libraries too.</summary>
    public const string Best = "best", Avx2 = "avx2";

    public int Schema { get; init; } = 1;
    public required string Workload { get; init; }
    public required string Model { get; init; }
    public required string Precision { get; init; }
    public required string Level { get; init; }
    public required string Engine { get; init; }
    /// <summary>What the engine says that it runs on.</summary>
    public required string Libraries { get; init; }
    public required int Threads { get; init; }
    public required int Rounds { get; init; }
    /// <summary>ms (of a step), s (of a study) or tokens/s.</summary>
    public required string Unit { get; init; }
    /// <summary>Median over rounds, and their range.</summary>
    public required double Value { get; init; }
    public required double ValueMin { get; init; }
    public required double ValueMax { get; init; }
    /// <summary>How many times as fast as the old engine in the same round: the median, and the range.</summary>
    public required double OfOld { get; init; }
    public required double OfOldMin { get; init; }
    public required double OfOldMax { get; init; }
    /// <summary>The same of TorchSharp by operators.</summary>
    public required double OfOperators { get; init; }
    public required double OfOperatorsMin { get; init; }
    public required double OfOperatorsMax { get; init; }
    /// <summary>Of the second step from the same weights on the same texts; empty where nothing is trained.</summary>
    public double? Loss { get; init; }
}
