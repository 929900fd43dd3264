namespace PersonalizationBench.Core;

/// <summary>
/// What one phase (adapting or answering) of a cell costs. Everything that is not measured stays null and is an
/// empty field in the CSV. Not thread-safe: a cell runs on one thread.
/// </summary>
public sealed class CostMeter(TimeProvider clock)
{
    private readonly List<double> _firstTokenSeconds = [];
    private readonly List<double> _perTokenSeconds = [];
    private long _arrived = clock.GetTimestamp();
    private double _cacheBytes;
    private long _sequences;

    /// <summary>The injected clock.</summary>
    public TimeProvider Clock { get; } = clock;

    /// <summary>Floating-point operations (a multiply-add counts two).</summary>
    public double Flops { get; private set; }

    /// <summary>Tokens through a forward and backward pass.</summary>
    public long TrainedTokens { get; private set; }

    /// <summary>Tokens that the base read and wrote to answer study material's questions; what several prompts begin with counts once.</summary>
    public long TeacherTokens { get; private set; }

    /// <summary>How long that took.</summary>
    public double TeacherSeconds { get; private set; }

    /// <summary>Prompt tokens read in answering.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>Tokens generated.</summary>
    public long GeneratedTokens { get; private set; }

    /// <summary>What a sequence keeps between its tokens (keys and values, or a state), mean over the sequences, in bytes; null where
    /// no sequence was read.</summary>
    public double? CacheBytesPerSequence => _sequences == 0 ? null : _cacheBytes / _sequences;

    /// <summary>Tokens with which all prompts of one user begin, summed over the users: read once where their keys and values are kept.</summary>
    public long SharedTokens { get; private set; }

    /// <summary>FLOPs of reading them once.</summary>
    public double SharedFlops { get; private set; }

    /// <summary>The same tokens counted in every prompt that begins with them, and their FLOPs.</summary>
    public long RepeatedTokens { get; private set; }

    public double RepeatedFlops { get; private set; }

    /// <summary>From <see cref="Arrive"/> (or the meter's making) to a request's first token, in seconds.</summary>
    public IReadOnlyList<double> FirstTokenSeconds => _firstTokenSeconds;

    /// <summary>Between two tokens of a batch, in seconds.</summary>
    public IReadOnlyList<double> PerTokenSeconds => _perTokenSeconds;

    public void AddFlops(double flops) => Flops += flops;

    public void AddTrainedTokens(long tokens) => TrainedTokens += tokens;

    public void AddTeaching(long tokens, TimeSpan elapsed)
    {
        TeacherTokens += tokens;
        TeacherSeconds += elapsed.TotalSeconds;
    }

    public void AddPromptTokens(long tokens) => PromptTokens += tokens;

    public void AddGeneratedTokens(long tokens) => GeneratedTokens += tokens;

    /// <param name="cacheBytes">Of one sequence's keys and values, or state, at its longest.</param>
    public void AddSequence(long cacheBytes)
    {
        _cacheBytes += cacheBytes;
        _sequences++;
    }

    /// <param name="tokens">With which all prompts of a user begin.</param>
    /// <param name="prompts">How many there are.</param>
    /// <param name="flops">Of reading those tokens once.</param>
    public void AddShared(long tokens, int prompts, double flops)
    {
        SharedTokens += tokens;
        SharedFlops += flops;
        RepeatedTokens += tokens * prompts;
        RepeatedFlops += flops * prompts;
    }

    /// <summary>A question arrives: first tokens are timed from here.</summary>
    public void Arrive() => _arrived = Clock.GetTimestamp();

    public void ObserveFirstToken() => _firstTokenSeconds.Add(Clock.GetElapsedTime(_arrived).TotalSeconds);

    public void ObserveToken(TimeSpan elapsed) => _perTokenSeconds.Add(elapsed.TotalSeconds);

    /// <summary>Adds what a part of the phase cost. When its first tokens came stays out: nobody was shown them.</summary>
    public void Include(CostMeter part)
    {
        Flops += part.Flops;
        TrainedTokens += part.TrainedTokens;
        TeacherTokens += part.TeacherTokens;
        TeacherSeconds += part.TeacherSeconds;
        PromptTokens += part.PromptTokens;
        GeneratedTokens += part.GeneratedTokens;
        _cacheBytes += part._cacheBytes;
        _sequences += part._sequences;
        SharedTokens += part.SharedTokens;
        SharedFlops += part.SharedFlops;
        RepeatedTokens += part.RepeatedTokens;
        RepeatedFlops += part.RepeatedFlops;
        _perTokenSeconds.AddRange(part._perTokenSeconds);
    }

    /// <summary>A meter whose figures nobody reads.</summary>
    public static CostMeter Unread() => new(TimeProvider.System);
}
