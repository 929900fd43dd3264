using System.Diagnostics;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench cell-memory FILE KEY</c>: the memory of one cell's arm, as JSON. <c>run</c> starts it: who runs it in a process that did
/// something before measures that, too.</summary>
internal static class CellMemoryCommand
{
    public const string Name = "cell-memory";

    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "The study" };
        var key = new Argument<string>("KEY") { Description = "The key of one of its cells" };
        var command = new Command(Name, "Measure the memory of one cell's arm in this process") { file, key };
        command.Hidden = true;
        command.SetAction((parse, cancellation) =>
        {
            var plan = bench.Planner.Plan(StudyFile.Read(parse.GetRequiredValue(file)));
            var cell = plan.Cells.FirstOrDefault(c => c.Key == parse.GetRequiredValue(key)) ?? throw new PbenchException($"{plan.File.Path}: no cell has the key {parse.GetRequiredValue(key)}");
            bench.Output.WriteLine(JsonSerializer.Serialize(ArmMemory.Measure(bench.Bases, cell, cancellation)));
            return Task.FromResult(0);
        });
        return command;
    }
}

/// <summary>Starts <c>pbench cell-memory</c> and reads what it says. What goes wrong there is a warning: the study goes on without.</summary>
internal sealed class MemoryProcess(TextWriter warnings) : IFreshProcess
{
    public MemoryFigures? MeasureMemory(StudyPlan plan, Cell cell, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath ?? "dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        // Neither when the compiler takes a method up again nor which thread asks for memory may change the figure.
        (start.Environment["DOTNET_TieredCompilation"], start.Environment["MALLOC_ARENA_MAX"]) = ("0", "1");
        // By `dotnet exec pbench.dll`, or as a program of its own.
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.AddAll("exec", PbenchApp.Program);
        start.ArgumentList.AddAll(CellMemoryCommand.Name, plan.File.Path, cell.Key);
        using var process = Process.Start(start)!;
        using var stopped = cancellation.Register(() => process.Kill());
        var errors = process.StandardError.ReadToEndAsync(cancellation);
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode == 0) return JsonSerializer.Deserialize<MemoryFigures?>(said);
        lock (warnings) warnings.WriteLine(FormattableString.Invariant($"pbench: warning: the memory of {cell.Name} on {cell.Base.Name} was not measured: its process ended with {process.ExitCode}: {errors.Result.Trim()}"));
        return null;
    }
}

file static class Arguments
{
    public static void AddAll(this ICollection<string> arguments, params ReadOnlySpan<string> added)
    {
        foreach (var argument in added) arguments.Add(argument);
    }
}
