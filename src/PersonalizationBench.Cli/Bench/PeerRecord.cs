namespace PersonalizationBench.Cli.Bench;

/// <summary>One row of <c>results/peers/peers.csv</c>: ours against a reference, over interleaved pairs.</summary>
internal sealed record PeerRecord
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;
    /// <summary>training-step or many-users.</summary>
    public required string Comparison { get; init; }
    public required string Ours { get; init; }
    public required string Reference { get; init; }
    public required string Model { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
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
    public string Libtorch { get; init; } = "";
    public string ReferenceTorch { get; init; } = "";

    /// <summary>True where both sides did the same work.</summary>
    public bool Agrees() => LossDifference <= LossTolerance;
}
