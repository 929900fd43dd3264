namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>One score of one probe of one user in one seed: what intervals and tests are made of.</summary>
public readonly record struct ScoredProbe(string User, string Probe, long Seed, double Score);

/// <summary>What values a score can take: each kind has its one method of making an interval (see <see cref="MeanInterval"/>).</summary>
public enum ScoreKind
{
    /// <summary>Right or wrong: 0 or 1, or the mean of such over seeds.</summary>
    ZeroOne,

    /// <summary>Anything in 0..1, such as a share of style features or a token F1.</summary>
    Share,

    /// <summary>A difference between two scores in 0..1: in -1..1.</summary>
    Difference,

    /// <summary>Without bounds: bits per byte and their differences.</summary>
    Unbounded,
}

/// <summary>An estimate with its 95 % interval (or that of another confidence), and from how much it was made.</summary>
/// <param name="Estimate">In the unit of the scores; within the interval.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public sealed record Interval(double Estimate, double Low, double High)
{
    /// <summary>Standard deviation of the posterior, or standard error of the estimate; seeds included.</summary>
    public double StandardError { get; init; }

    /// <summary>How many users (or whatever is the sample). Of a single one without bounds there is no interval: both ends are the estimate.</summary>
    public int Units { get; init; }

    public int Seeds { get; init; }

    public bool Contains(double value) => Low <= value && value <= High;
}

/// <summary>How intervals are drawn.</summary>
public sealed record BootstrapOptions
{
    public int Resamples { get; init; } = 10_000;

    /// <summary>Coverage of the interval, 0..1.</summary>
    public double Confidence { get; init; } = 0.95;

    /// <summary>Seed of the draws: the same scores give the same interval.</summary>
    public long Seed { get; init; } = 1;
}
