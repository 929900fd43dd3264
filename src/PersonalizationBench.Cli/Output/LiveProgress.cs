using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using Spectre.Console;

namespace PersonalizationBench.Cli.Output;

/// <summary>A bar over all cells, the cell in hand and the time to go; finished cells scroll by above it.</summary>
internal static class LiveProgress
{
    public static T Run<T>(TextWriter output, Func<IStudyObserver, T> run)
    {
        var console = Consoles.For(output);
        return console.Progress().AutoClear(true)
            .Columns(new SpinnerColumn(), new ProgressBarColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context => run(new Observer(console, context)));
    }

    private sealed class Observer(IAnsiConsole console, ProgressContext context) : IStudyObserver
    {
        private ProgressTask? _cells;

        public void Begin(int total, int skipped)
        {
            if (skipped > 0) console.WriteLine($"{skipped} of {total} cells are measured already");
            _cells = context.AddTask("starting", maxValue: Math.Max(1, total));
            _cells.Value = skipped;
        }

        public void Starting(CellProgress progress) =>
            _cells!.Description = Markup.Escape($"[{progress.Number}/{progress.Total}] {progress.Cell.Name}{(progress.Remaining is { } left ? $"  ETA {PlainProgress.Clock(left)}" : "")}");

        public void Finished(CellProgress progress, CellResult result)
        {
            console.Write(new Text(PlainProgress.Line(progress with { Remaining = null }, result) + "\n", result.IsOk ? Style.Plain : new Style(Color.Red)));
            _cells!.Increment(1);
        }

        public void MeasuringCosts(string baseName, int arms) => _cells!.Description = Markup.Escape($"latency and memory of {arms} arms on {baseName}");
    }
}
