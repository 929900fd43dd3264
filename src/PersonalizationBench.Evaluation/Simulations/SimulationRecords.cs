namespace PersonalizationBench.Evaluation.Simulations;

/// <summary>How often an interval of nominally 95 % held the truth.</summary>
public sealed record CoverageRecord
{
    /// <summary>What was estimated: zero-one, share, difference or unbounded.</summary>
    public required string Scores { get; init; }
    public required int Users { get; init; }
    public required int ProbesPerUser { get; init; }
    /// <summary>The true mean score.</summary>
    public required double Rate { get; init; }
    /// <summary>Of two probes of one user.</summary>
    public required double Correlation { get; init; }
    public required int Studies { get; init; }
    public required double Coverage { get; init; }
    /// <summary>Mean width of the interval.</summary>
    public required double Width { get; init; }
}

/// <summary>How often a family of comparisons, none of them true, had a finding.</summary>
public sealed record ErrorRecord
{
    /// <summary>max-t or holm.</summary>
    public required string Method { get; init; }
    public required int Users { get; init; }
    public required int ProbesPerUser { get; init; }
    public required int Comparisons { get; init; }
    public required double Correlation { get; init; }
    public required int Studies { get; init; }
    public required double FamilyWiseError { get; init; }
}

/// <summary>How often a true difference was found.</summary>
public sealed record PowerRecord
{
    /// <summary>declared (one contrast), or max-t.</summary>
    public required string Method { get; init; }
    public required int Users { get; init; }
    public required int ProbesPerUser { get; init; }
    public required int Comparisons { get; init; }
    public required double Rate { get; init; }
    /// <summary>True difference of one arm; the others have none.</summary>
    public required double Difference { get; init; }
    public required int Studies { get; init; }
    public required double Power { get; init; }
    /// <summary>Mean of what the report says could have been found; empty where it says that nothing could.</summary>
    public double? StatedSmallestDetectable { get; init; }
}
