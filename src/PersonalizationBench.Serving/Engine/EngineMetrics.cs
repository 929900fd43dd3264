namespace PersonalizationBench.Serving;

/// <summary>What the engine has done, for <c>/metrics</c> and for measurements. Thread-safe.</summary>
public sealed class EngineMetrics
{
    private long _tokens, _steps, _rows, _sequences, _adapters, _slotLoads;
    private int _waiting, _running, _slotsInUse, _pagesAvailable;

    public long Tokens => Interlocked.Read(ref _tokens);

    public long Steps => Interlocked.Read(ref _steps);

    /// <summary>Rows of all steps: tokens of prompts and of answers.</summary>
    public long Rows => Interlocked.Read(ref _rows);

    /// <summary>Sequences of all steps, and different adapters of all steps: over <see cref="Steps"/>, their means.</summary>
    public long Sequences => Interlocked.Read(ref _sequences);

    public long Adapters => Interlocked.Read(ref _adapters);

    public long SlotLoads => Interlocked.Read(ref _slotLoads);

    public int Waiting => Volatile.Read(ref _waiting);

    public int Running => Volatile.Read(ref _running);

    public int SlotsInUse => Volatile.Read(ref _slotsInUse);

    public int PagesAvailable => Volatile.Read(ref _pagesAvailable);

    public LatencyHistogram StepTime { get; } = new();

    /// <summary>The copy of an adapter into its slot.</summary>
    public LatencyHistogram SlotLoadTime { get; } = new();

    public IReadOnlyDictionary<Tier, LatencyHistogram> FirstToken { get; } = Enum.GetValues<Tier>().ToDictionary(t => t, _ => new LatencyHistogram());

    public IReadOnlyDictionary<FinishReason, Counter> Ended { get; } = Enum.GetValues<FinishReason>().ToDictionary(r => r, _ => new Counter());

    internal void ObserveState(int waiting, int running, int slotsInUse, int pagesAvailable) =>
        (_waiting, _running, _slotsInUse, _pagesAvailable) = (waiting, running, slotsInUse, pagesAvailable);

    internal void ObserveStep(int rows, int sequences, int adapters, TimeSpan time)
    {
        Interlocked.Increment(ref _steps);
        Interlocked.Add(ref _rows, rows);
        Interlocked.Add(ref _sequences, sequences);
        Interlocked.Add(ref _adapters, adapters);
        StepTime.Add(time);
    }

    internal void ObserveSlotLoad(TimeSpan time)
    {
        Interlocked.Increment(ref _slotLoads);
        SlotLoadTime.Add(time);
    }

    internal void ObserveFirstToken(Tier tier, TimeSpan time) => FirstToken[tier].Add(time);

    internal void ObserveTokens(int count) => Interlocked.Add(ref _tokens, count);

    internal void ObserveEnd(EngineResult result) => Ended[result.Reason].Add();
}

/// <summary>A number that only grows.</summary>
public sealed class Counter
{
    private long _value;

    public long Value => Interlocked.Read(ref _value);

    internal void Add() => Interlocked.Increment(ref _value);
}

/// <summary>Times in bounds that double, as Prometheus' histograms have them.</summary>
public sealed class LatencyHistogram
{
    /// <summary>Upper bounds in seconds, 0.1 ms to 52 s; what is longer counts in the last.</summary>
    public static IReadOnlyList<double> Bounds { get; } = [.. Enumerable.Range(0, 20).Select(i => 1e-4 * Math.Pow(2, i))];

    private readonly long[] _counts = new long[Bounds.Count + 1];
    private long _ticks;

    public long Count => _counts.Sum(c => Interlocked.Read(in c));

    public double SumSeconds => TimeSpan.FromTicks(Interlocked.Read(ref _ticks)).TotalSeconds;

    /// <summary>Times at most each bound, and all of them.</summary>
    public IReadOnlyList<long> Cumulative
    {
        get
        {
            var sums = new long[_counts.Length];
            for (var (i, sum) = (0, 0L); i < sums.Length; i++) sums[i] = sum += Interlocked.Read(ref _counts[i]);
            return sums;
        }
    }

    internal void Add(TimeSpan time)
    {
        var at = 0;
        while (at < Bounds.Count && time.TotalSeconds > Bounds[at]) at++;
        Interlocked.Increment(ref _counts[at]);
        Interlocked.Add(ref _ticks, time.Ticks);
    }
}
