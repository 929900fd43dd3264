namespace PersonalizationBench.Core;

/// <summary>
/// What one phase (adapting or answering) of a cell costs. Everything that is not measured stays null and is an
/// empty field in the CSV. Not thread-safe: a cell runs on one thread.
/// </summary>
public sealed class CostMeter(TimeProvider clock)
{
    private readonly List<double> _firstTokenSeconds = [];
    private readonly List<double> _perTokenSeconds = [];

    /// <summary>The injected clock.</summary>
    public TimeProvider Clock { get; } = clock;

    /// <summary>Floating-point operations (a multiply-add counts two).</summary>
    public double Flops { get; private set; }

    /// <summary>Tokens through a forward and backward pass.</summary>
    public long TrainedTokens { get; private set; }

    /// <summary>Prompt tokens read in answering.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>Tokens generated.</summary>
    public long GeneratedTokens { get; private set; }

    /// <summary>Largest key-value memory held at once, in bytes.</summary>
    public long PeakKvBytes { get; private set; }

    /// <summary>From a batch's start to its first token, once per request of the batch, in seconds.</summary>
    public IReadOnlyList<double> FirstTokenSeconds => _firstTokenSeconds;

    /// <summary>Between two tokens of a batch, in seconds.</summary>
    public IReadOnlyList<double> PerTokenSeconds => _perTokenSeconds;

    public void AddFlops(double flops) => Flops += flops;

    public void AddTrainedTokens(long tokens) => TrainedTokens += tokens;

    public void AddPromptTokens(long tokens) => PromptTokens += tokens;

    public void AddGeneratedTokens(long tokens) => GeneratedTokens += tokens;

    public void ObserveKvBytes(long bytes) => PeakKvBytes = Math.Max(PeakKvBytes, bytes);

    public void ObserveFirstToken(TimeSpan elapsed) => _firstTokenSeconds.Add(elapsed.TotalSeconds);

    public void ObserveToken(TimeSpan elapsed) => _perTokenSeconds.Add(elapsed.TotalSeconds);

    /// <summary>A meter whose figures nobody reads.</summary>
    public static CostMeter Unread() => new(TimeProvider.System);
}
