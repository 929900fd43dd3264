namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/hugging-face/hugging-face.csv</c>: ours against transformers and peft, over interleaved pairs.</summary>
public sealed record HuggingFaceRecord
{
    public int Schema { get; init; } = 1;
    /// <summary>train or generate.</summary>
    public required string Work { get; init; }
    /// <summary>cpu or cuda.</summary>
    public required string Device { get; init; }
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    public required string Precision { get; init; }
    public required int Rank { get; init; }
    /// <summary>Different ones: trained, or asked in one batch; 0: the base alone.</summary>
    public required int Adapters { get; init; }
    /// <summary>Sequences of a step of one user, or of the batch.</summary>
    public required int Rows { get; init; }
    /// <summary>Trained on, or written, in each half of a pair.</summary>
    public required long Tokens { get; init; }
    public required int Pairs { get; init; }
    public required double OursTokensPerSecond { get; init; }
    public required double TheirsTokensPerSecond { get; init; }
    /// <summary>Above 1 ours is faster. Median over the pairs, then its range.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>Largest relative difference of the losses over the steps; empty for answers.</summary>
    public double? LossDifference { get; init; }
    /// <summary>Answers whose first token is the same on both sides; empty for training.</summary>
    public double? SameFirstTokens { get; init; }
    public double? SameTokens { get; init; }
    /// <summary>The ratio that is wanted on a GPU; empty where none is.</summary>
    public double? Goal { get; init; }
    public required string Libtorch { get; init; }
    public required string TheirsTorch { get; init; }
    public required string Theirs { get; init; }

    /// <summary>In bf16 the two round in other places, and one token that falls out otherwise changes all after it.</summary>
    public bool Agrees() => (LossDifference ?? 0) <= (Precision == "float32" ? 1e-3 : 2e-2) && (SameFirstTokens ?? 1) >= (Precision == "float32" ? 0.99 : 0.8);

    public bool Holds() => Agrees() && (Goal is not { } goal || Device != "cuda" || Ratio >= goal);
}
