namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>One score of one probe of one user in one seed: what intervals and tests are made of.</summary>
public readonly record struct ScoredProbe(string User, string Probe, long Seed, double Score);

/// <summary>What is taken to be drawn at random from a larger population.</summary>
public enum ResamplingUnit
{
    /// <summary>Users: the interval speaks of other users, too.</summary>
    User,

    /// <summary>Probes of each user: with fewer than <see cref="ClusteredBootstrap.FewestUsers"/> users, the interval
    /// speaks of other probes of these very users and not of other users.</summary>
    Probe,
}

/// <summary>An estimate with its confidence interval, and from what it was made.</summary>
/// <param name="Estimate">In the unit of the scores.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public sealed record Interval(double Estimate, double Low, double High)
{
    /// <summary>Standard deviation of the resampled estimates.</summary>
    public double StandardError { get; init; }

    public ResamplingUnit Unit { get; init; }

    /// <summary>How many units (users, or probes).</summary>
    public int Units { get; init; }

    public int Seeds { get; init; }

    public bool Contains(double value) => Low <= value && value <= High;
}

/// <summary>How intervals are made.</summary>
public sealed record BootstrapOptions
{
    public int Resamples { get; init; } = 10_000;

    /// <summary>Coverage of the interval, 0..1.</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>Seed of the resampling: the same scores give the same interval.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>The least and largest score possible; null where scores have no bounds.</summary>
    public (double Low, double High)? Range { get; init; }

    /// <summary>For accuracies and shares.</summary>
    public static BootstrapOptions Share { get; } = new() { Range = (0, 1) };

    /// <summary>For differences between two shares.</summary>
    public static BootstrapOptions ShareDifference { get; } = new() { Range = (-1, 1) };
}
