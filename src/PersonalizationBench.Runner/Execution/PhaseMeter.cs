using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Execution;

/// <summary>What a phase of a cell (adapting, answering) cost.</summary>
public sealed record PhaseCost(CostMeter Meter, double Seconds);

/// <summary>Runs a phase and meters it.</summary>
public sealed class PhaseMeter(TimeProvider clock)
{
    public TimeProvider Clock => clock;

    public (T Result, PhaseCost Cost) Run<T>(Func<CostMeter, T> phase)
    {
        var meter = new CostMeter(clock);
        var started = clock.GetTimestamp();
        var result = phase(meter);
        return (result, new PhaseCost(meter, clock.GetElapsedTime(started).TotalSeconds));
    }
}
