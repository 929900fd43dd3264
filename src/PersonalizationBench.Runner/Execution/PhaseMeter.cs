using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Execution;

/// <summary>What a phase of a cell (adapting, answering, latency) cost.</summary>
public sealed record PhaseCost(CostMeter Meter, double Seconds, long? PeakRssBytes, long? PeakDeviceBytes);

/// <summary>Runs a phase and meters it.</summary>
/// <param name="process">Resident memory of the process.</param>
/// <param name="device">Memory of the device; <see cref="NoPeakMemory"/> on a CPU, and on a GPU as long as TorchSharp has no figures of it.</param>
public sealed class PhaseMeter(TimeProvider clock, IPeakMemory process, IPeakMemory device)
{
    public TimeProvider Clock => clock;

    public (T Result, PhaseCost Cost) Run<T>(Func<CostMeter, T> phase)
    {
        var meter = new CostMeter(clock);
        process.Reset();
        device.Reset();
        var started = clock.GetTimestamp();
        var result = phase(meter);
        return (result, new PhaseCost(meter, clock.GetElapsedTime(started).TotalSeconds, process.PeakBytes, device.PeakBytes));
    }
}
