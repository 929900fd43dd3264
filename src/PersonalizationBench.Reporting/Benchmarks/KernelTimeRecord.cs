namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>choices.csv</c>, the table by which kernels are taken: an operation by its kernel and by libtorch's operators.</summary>
public sealed record KernelTimeRecord
{
    /// <summary>Of the instruction set.</summary>
    public required string Level { get; init; }
    public required string Operation { get; init; }
    /// <summary>float32 or bfloat16.</summary>
    public required string Type { get; init; }
    /// <summary>Small, Medium or Large.</summary>
    public required string Size { get; init; }
    /// <summary>forward: a result alone; training: a result and its gradients.</summary>
    public required string Pass { get; init; }
    /// <summary>Microseconds of a call in the shortest of several turns.</summary>
    public required double KernelUs { get; init; }
    public required double OperatorsUs { get; init; }
}
