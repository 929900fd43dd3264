using System.Diagnostics;
using PersonalizationBench.Core;

namespace PersonalizationBench.Benchmarks;

/// <summary>A process with an <see cref="EngineDriver"/> in it: times when asked, waits in between.</summary>
public sealed class EngineProcess : IDisposable
{
    private readonly EngineSide _side;
    private readonly Process _process;
    private readonly Task<string> _errors;

    private EngineProcess(EngineSide side, Process process)
    {
        (_side, _process) = (side, process);
        _errors = process.StandardError.ReadToEndAsync();
        Engine = EngineHello.Parse(Read()).Engine;
    }

    /// <summary>Its libraries and their versions.</summary>
    public string Engine { get; }

    public static EngineProcess Start(EngineSide side) => new(side, Process.Start(side.Program(side.Driver))!);

    /// <exception cref="PbenchException">It ended, or says that it cannot.</exception>
    public TurnResult Time(TimedTurn turn)
    {
        try
        {
            _process.StandardInput.WriteLine(turn.ToLine());
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw Died();
        }
        var result = TurnResult.Parse(Read());
        return result.Error is null ? result : throw new PbenchException($"{_side}: {turn.Workload} of {turn.Model} in {turn.Precision}: {result.Error}");
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private string Read() => _process.StandardOutput.ReadLine() ?? throw Died();

    private PbenchException Died()
    {
        _process.WaitForExit();
        return new PbenchException($"{_side}: the process ended with status {_process.ExitCode}: {string.Join("\n", _errors.Result.TrimEnd().Split('\n').TakeLast(5))}");
    }
}
