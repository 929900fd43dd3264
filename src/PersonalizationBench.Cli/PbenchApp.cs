using PersonalizationBench.Cli.Adapt;
using PersonalizationBench.Cli.Bench;
using PersonalizationBench.Cli.Commands;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;

namespace PersonalizationBench.Cli;

/// <summary>The commands, and what becomes of an error: its message on standard error, its exit code, and no stack trace
/// unless asked for.</summary>
public static class PbenchApp
{
    /// <summary>The exit code of a command that was cancelled, as shells expect it.</summary>
    public const int Cancelled = 130;

    /// <summary>The assembly that <c>dotnet exec</c> starts as <c>pbench</c>.</summary>
    internal static string Program => typeof(PbenchApp).Assembly.Location;

    private const int WrongUsage = 2;
    private const int Defect = 70;

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Workbench bench, CancellationToken cancellation)
    {
        var verbose = new Option<bool>("--verbose") { Description = "Show stack traces of errors", Recursive = true };
        var root = new RootCommand("Should a user's data live in the prompt, in an index, or in the weights? Measure it.")
        {
            ListCommand.Create(bench),
            ExplainCommand.Create(bench),
            ValidateCommand.Create(bench),
            RunCommand.Create(bench),
            TuneCommand.Create(bench),
            ReportCommand.Create(bench),
            CompareCommand.Create(bench),
            PretrainCommand.Create(bench),
            LadderCommand.Create(bench),
            GenerateCommand.Create(bench),
            DataCommand.Create(bench),
            ServeCommand.Create(bench),
            KeysCommand.Create(bench),
            AdaptersCommand.Create(bench),
            AdaptCommand.Create(bench),
            LoadCommand.Create(bench),
            PeersCommand.Create(),
            CellMemoryCommand.Create(bench),
            verbose,
        };
        var parsed = root.Parse(arguments);
        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = bench.Output, Error = bench.Error };
            var code = await parsed.InvokeAsync(configuration, cancellation);
            return parsed.Errors.Count > 0 ? WrongUsage : code;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            bench.Error.WriteLine("pbench: stopped; the same command goes on from here");
            return Cancelled;
        }
        catch (Exception e)
        {
            var isKnown = e is PbenchException;
            bench.Error.WriteLine(isKnown ? $"pbench: {e.Message}" : $"pbench: {e.GetType().Name}: {e.Message}");
            if (parsed.GetValue(verbose)) bench.Error.WriteLine(e);
            else if (!isKnown) bench.Error.WriteLine("pbench: this is a defect of the program; --verbose shows where");
            return e is PbenchException known ? known.ExitCode : Defect;
        }
    }
}
