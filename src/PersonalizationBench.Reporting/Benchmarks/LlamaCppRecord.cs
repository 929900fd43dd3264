namespace PersonalizationBench.Reporting.Benchmarks;

/// <summary>One row of <c>results/llama-cpp/llama-cpp.csv</c>. Speeds and ratios are medians over rounds, with the rounds' range.</summary>
public sealed record LlamaCppRecord
{
    public int Schema { get; init; } = 1;
    public required string Base { get; init; }
    public required long Parameters { get; init; }
    public required int Threads { get; init; }
    public required string OursPrecision { get; init; }
    public required string TheirsVersion { get; init; }
    public required string TheirsVariant { get; init; }
    public required int Rank { get; init; }
    /// <summary>Requests at a time.</summary>
    public required int Concurrency { get; init; }
    /// <summary>Different adapters among them; 0: the base alone.</summary>
    public required int Distinct { get; init; }
    public required int Prompt { get; init; }
    public required int Answer { get; init; }
    public required int Rounds { get; init; }
    public required double Seconds { get; init; }
    public required double OursTokensPerSecond { get; init; }
    public required double OursTokensPerSecondMin { get; init; }
    public required double OursTokensPerSecondMax { get; init; }
    public required double TheirsTokensPerSecond { get; init; }
    public required double TheirsTokensPerSecondMin { get; init; }
    public required double TheirsTokensPerSecondMax { get; init; }
    /// <summary>Ours over theirs in the same round.</summary>
    public required double Ratio { get; init; }
    public required double RatioMin { get; init; }
    public required double RatioMax { get; init; }
    /// <summary>To one's own base alone in the same round.</summary>
    public required double OursOfBase { get; init; }
    public required double TheirsOfBase { get; init; }
    /// <summary>Tokens of an answer on the mean: some end by themselves.</summary>
    public required double OursAnswerTokens { get; init; }
    public required double TheirsAnswerTokens { get; init; }
}

/// <summary>How far two servers answer alike: after the same beginning, token by token.</summary>
/// <param name="Answers">Looked at.</param>
/// <param name="Tokens">Of ours.</param>
/// <param name="Same">Of these, those that theirs says too.</param>
/// <param name="ToldApart">Answers that the base alone would have given otherwise; of the base's own answers none.</param>
public sealed record LlamaAgreement(int Answers, int Tokens, int Same, int ToldApart)
{
    /// <summary>Weights rounded otherwise turn a token over here and there; wrongly converted ones nearly all.</summary>
    private const double Least = 0.95;

    public double Share => (double)Same / Tokens;

    public bool Holds => Share >= Least;
}
