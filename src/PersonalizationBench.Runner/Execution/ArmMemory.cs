using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Largest memory in use above what the loaded base holds, in bytes.</summary>
/// <param name="Users">Adapted together; their questions were answered one at a time.</param>
public sealed record MemoryFigures(long AdaptBytes, long AnswerBytes, int Users);

/// <summary>Measures the memory of an arm in a process that ran nothing before: in one process, whatever ran first would be blamed
/// on whoever comes first.</summary>
public interface IFreshProcess
{
    /// <summary>Null where it could not be measured.</summary>
    MemoryFigures? MeasureMemory(StudyPlan plan, Cell cell, CancellationToken cancellation);
}

/// <summary>What such a process does.</summary>
public static class ArmMemory
{
    /// <summary>Questions answered.</summary>
    private const int Questions = 30;

    /// <summary>Null where this system does not tell, and of a GPU's memory.</summary>
    /// <exception cref="PbenchException">The cell cannot be adapted or answered.</exception>
    public static MemoryFigures? Measure(IBaseCatalog bases, Cell cell, CancellationToken cancellation)
    {
        var sample = CostSample.Of(cell, Questions);
        using var loaded = bases.Load(cell.Base.Address, cell.Precision, cell.Device);
        if (loaded.Info.Device != "cpu") return null;
        // What a base sets up with the first token that it writes is the base's, whoever asks for it.
        loaded.Generate([new GenerationRequest(loaded.Tokenizer.Begun([]), 1)], CostMeter.Unread(), cancellation);
        var peak = new ProcessPeakMemory();
        var held = ProcessPeakMemory.Settle();
        peak.Reset();
        using var models = sample.Adapt(cell, loaded, cancellation);
        var adapting = peak.PeakBytes;
        ProcessPeakMemory.Settle();
        peak.Reset();
        foreach (var question in sample.Questions.Take(Questions)) models.Answer([question], CostMeter.Unread(), cancellation);
        return held is { } before && adapting is { } adapt && peak.PeakBytes is { } answer
            ? new MemoryFigures(Math.Max(0, adapt - before), Math.Max(0, answer - before), sample.Users.Count)
            : null;
    }
}
