namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/peers/peers.csv</c>: ours against a reference, over interleaved pairs.</summary>
public sealed record PeerRecord
{
    public const string TrainingStep = "training-step", ManyUsers = "many-users";

    public const int CurrentSchema = 2;

    /// <summary>How much further from the float32 run than the reference ours may be: one bit of rounding. Two roundings that
    /// are equally good are not equally lucky, so "no further at all" would be a toss of a coin.</summary>
    public const double FromFloat32Slack = 2;

    public int Schema { get; init; } = CurrentSchema;
    /// <summary>training-step or many-users.</summary>
    public required string Comparison { get; init; }
    public required string Ours { get; init; }
    public required string Reference { get; init; }
    public required string Model { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
    /// <summary>What this machine takes by itself for such a model; the exit status asks for speed in this alone.</summary>
    public required string DefaultPrecision { get; init; }
    public required int Threads { get; init; }
    public required int Pairs { get; init; }
    /// <summary>Steps (training-step) or steps of every user (many-users) in each half of a pair.</summary>
    public required int Steps { get; init; }
    /// <summary>Tokens trained on in one step; of all users together for many-users.</summary>
    public required long TokensPerStep { get; init; }
    public required double OursMsPerStep { get; init; }
    public required double ReferenceMsPerStep { get; init; }
    /// <summary>Reference's time / ours: above 1 ours is faster. Median over the pairs, then its range.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>Steps over which the losses were compared, the largest relative difference and what is allowed.</summary>
    public required int LossesCompared { get; init; }
    public required double LossDifference { get; init; }
    public required double LossTolerance { get; init; }
    /// <summary>The relative difference of the first losses alone, before any rounding has gone through an optimizer, and what
    /// is allowed. Empty for many-users.</summary>
    public double? FirstLossDifference { get; init; }
    public double? FirstLossTolerance { get; init; }
    /// <summary>Root mean square of each side's relative difference to the reference's own float32 run, over the steps compared:
    /// which of two bfloat16 sides is the more exact. Empty in float32 and for many-users.</summary>
    public double? OursFromFloat32 { get; init; }
    public double? ReferenceFromFloat32 { get; init; }
    /// <summary>The ratio that is wanted; empty where none is.</summary>
    public double? Goal { get; init; }
    public string Libtorch { get; init; } = "";
    public string ReferenceTorch { get; init; } = "";

    /// <summary>True where both sides did the same work, and ours no less exactly.</summary>
    public bool Agrees() =>
        LossDifference <= LossTolerance
        && (FirstLossDifference is not { } first || first <= FirstLossTolerance)
        && (OursFromFloat32 is not { } distance || distance <= FromFloat32Slack * ReferenceFromFloat32);

    /// <summary>True where ours is as fast as is wanted, or nothing is.</summary>
    public bool IsFastEnough() => Goal is not { } goal || Ratio >= goal;

    /// <summary>What the exit status stands for.</summary>
    public bool Holds() => Agrees() && (IsFastEnough() || Precision != DefaultPrecision);
}
