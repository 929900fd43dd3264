namespace PersonalizationBench.Runner.Tests.Fakes;

/// <summary>Time that passes when told to.</summary>
internal sealed class ManualClock : TimeProvider
{
    private TimeSpan _elapsed;

    public void Advance(double seconds) => _elapsed += TimeSpan.FromSeconds(seconds);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _elapsed.Ticks;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero) + _elapsed;
}
