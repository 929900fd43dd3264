namespace PersonalizationBench.Reporting.Ladders;

/// <summary>One short run of <c>sweep.csv</c>: a rung trained from the start at one learning rate.</summary>
public sealed record SweepRecord
{
    public int Schema { get; init; } = 1;
    public required string Ladder { get; init; }
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    /// <summary>Factor on the learning rates as the ladder's file has them.</summary>
    public required double Scale { get; init; }
    /// <summary>Highest of the run.</summary>
    public required double LearningRate { get; init; }
    public required int Steps { get; init; }
    public required long Tokens { get; init; }
    /// <summary>Nats per weighted target of the last stage trained; empty where the run diverged.</summary>
    public double? HeldOutLoss { get; init; }
}

/// <summary>One row of <c>ladder.csv</c>: a base of a ladder.</summary>
public sealed record RungRecord
{
    public int Schema { get; init; } = 1;
    public required string Ladder { get; init; }
    public required string Data { get; init; }
    public required string Architecture { get; init; }
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    /// <summary>Without the embedding, as scaling laws count (Kaplan et al., 2020, arXiv:2001.08361).</summary>
    public required long BodyParameters { get; init; }
    public required int Layers { get; init; }
    public required int Dimension { get; init; }
    public required int Steps { get; init; }
    public required long Tokens { get; init; }
    /// <summary>Highest in training.</summary>
    public required double LearningRate { get; init; }
    public required string Precision { get; init; }
    /// <summary>Measured now, in nats per weighted target.</summary>
    public required double HeldOutLoss { get; init; }
    /// <summary>What the base's provenance says.</summary>
    public required double RecordedLoss { get; init; }
    /// <summary>SHA-256 over the base's files.</summary>
    public required string BaseDigest { get; init; }
}

/// <summary>One row of <c>exams.csv</c>: what a base was asked, and how much of it was right.</summary>
public sealed record ExamRecord
{
    public int Schema { get; init; } = 1;
    public required string Ladder { get; init; }
    public required string Architecture { get; init; }
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    public required string Exam { get; init; }
    public required int Questions { get; init; }
    public required int Right { get; init; }
    public required double Accuracy { get; init; }
    /// <summary>95 %, Clopper and Pearson.</summary>
    public required double Low { get; init; }
    public required double High { get; init; }
}

/// <summary>One row of <c>fits.csv</c>: loss = Coefficient * BodyParameters ^ -Exponent over a ladder's rungs.</summary>
public sealed record FitRecord
{
    public int Schema { get; init; } = 1;
    public required string Ladder { get; init; }
    public required string Data { get; init; }
    public required string Architecture { get; init; }
    public required int Rungs { get; init; }
    public required double Coefficient { get; init; }
    public required double Exponent { get; init; }
    /// <summary>95 %, Student's t of the slope.</summary>
    public required double ExponentLow { get; init; }
    public required double ExponentHigh { get; init; }
    /// <summary>Share of the variance of the losses' logarithms.</summary>
    public required double RSquared { get; init; }
}
