using System.CommandLine;
using PersonalizationBench.Cli.Output;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench run FILE</c>: validate, measure what is missing, analyse, draw.</summary>
internal static class RunCommand
{
    private const int SomeFailed = 1;

    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "A study, such as experiments/quickstart.yaml" };
        var results = new Option<string?>("--results") { Description = "Folder that the study's own folder goes into (default: runs of the repository)" };
        var fresh = new Option<bool>("--fresh") { Description = "Forget earlier results of this study" };
        var publish = new Option<bool>("--publish") { Description = "Put the whole study's results into results/ of the repository, from a tree without changes" };
        var format = ReportCommand.FormatOption();
        var command = new Command("run", "Run a study; what was measured before is skipped") { file, results, fresh, publish, format };
        command.SetAction((parse, cancellation) =>
        {
            var publishes = parse.GetValue(publish);
            if (publishes) Publication.RequireCommit(RunEnvironment.FindCommit());
            var plan = ValidateCommand.Plan(bench, parse.GetRequiredValue(file));
            var folder = Path.Combine(parse.GetValue(results) ?? bench.RunsFolder, plan.Name);
            var status = Run(bench, plan, folder, parse.GetValue(fresh), parse.GetValue(format), cancellation);
            if (publishes && status == 0)
            {
                var published = Path.Combine(bench.ResultsFolder, plan.Name);
                Publication.Publish(folder, published);
                bench.Output.WriteLine($"published: {ShownPath.Of(published)}");
            }
            return Task.FromResult(status);
        });
        return command;
    }

    /// <summary>Measures what is missing and writes the report; 1 where cells gave no result.</summary>
    internal static int Run(Workbench bench, StudyPlan plan, string folder, bool isFresh, PictureFormat format, CancellationToken cancellation)
    {
        StudyOutcome outcome;
        using (var store = ResultStore.Open(folder, plan, bench.Clock, isFresh))
        {
            using var publisher = StudyPublishing.Open(bench, plan);
            var measuredBefore = plan.Cells.Where(store.IsDone).ToList();
            outcome = Measure(bench, plan, store, publisher, isFresh, cancellation);
            publisher?.Say(measuredBefore);
        }
        if (outcome.Failed.Count < plan.Cells.Count) ReportCommand.Write(bench, folder, format);
        foreach (var (cell, result) in outcome.Failed) bench.Error.WriteLine($"pbench: {result.Run.Status}: {cell.Name} on {cell.Base.Name}: {result.Run.Error}");
        return outcome.Failed.Count > 0 ? SomeFailed : 0;
    }

    private static StudyOutcome Measure(Workbench bench, StudyPlan plan, ResultStore store, StudyPublishing? publisher, bool isFresh, CancellationToken cancellation)
    {
        var executor = new CellExecutor(new PhaseMeter(bench.Clock), new HeldOut(bench.Strategies), publisher);
        var runner = new StudyRunner(bench.Bases, executor, new ArmCosts(bench.Clock, bench.FreshProcess), bench.Clock);
        if (runner.IsComplete(plan, store)) return runner.Run(plan, store, new PlainProgress(bench.Output), cancellation);

        var invocation = new Invocation(CommandLine(), bench.Clock.GetUtcNow(), null, null, RunEnvironment.Capture(bench.Libtorch()));
        Manifest.Write(store.Folder, plan, invocation, isFresh);
        try
        {
            return bench.IsTerminal
                ? LiveProgress.Run(bench.Output, observer => runner.Run(plan, store, observer, cancellation))
                : runner.Run(plan, store, new PlainProgress(bench.Output), cancellation);
        }
        finally
        {
            Manifest.Write(store.Folder, plan, invocation with { Finished = bench.Clock.GetUtcNow(), Measured = store.Committed }, isFresh: false);
        }
    }

    private static string CommandLine() => string.Join(' ', Environment.GetCommandLineArgs().Skip(1).Prepend("pbench"));
}

/// <summary><c>pbench report DIR</c>: tables and figures from results that are there.</summary>
internal static class ReportCommand
{
    public static Command Create(Workbench bench)
    {
        var folder = new Argument<string>("DIR") { Description = "Results of a study or a benchmark, such as runs/quickstart, or their name" };
        var format = FormatOption();
        var command = new Command("report", "Draw figures anew from results, and a study's report.html") { folder, format };
        command.SetAction(parse =>
        {
            var (given, chosen) = (parse.GetRequiredValue(folder), parse.GetValue(format));
            var results = new[] { given, Path.Combine(bench.RunsFolder, given) }.FirstOrDefault(Directory.Exists, Path.Combine(bench.ResultsFolder, given));
            if (File.Exists(Path.Combine(results, ResultStore.RunsFile))) Write(bench, results, chosen);
            else Draw(bench, results, chosen);
        });
        return command;
    }

    public static Option<PictureFormat> FormatOption() => new("--format") { Description = "What figures are written as: svg, png or pdf", DefaultValueFactory = _ => PictureFormat.Svg };

    /// <summary>Writes the report, prints its table, and says where everything is.</summary>
    public static void Write(Workbench bench, string folder, PictureFormat format)
    {
        var results = ReportWriter.Write(folder, format);
        ResultTable.Print(results.Table(), bench.Output, bench.IsTerminal);
        foreach (var name in (string[])[ResultStore.RunsFile, ResultStore.ProbesFile, Manifest.FileName, "figures", "report.html"])
        {
            var path = Path.Combine(folder, name);
            if (Path.Exists(path)) bench.Output.WriteLine(ShownPath.Of(path));
        }
    }

    private static void Draw(Workbench bench, string folder, PictureFormat format)
    {
        var figures = BenchFigures.Write(folder, format);
        if (figures.Count == 0) throw new PbenchException($"{folder}: nothing to draw; expected a study's {ResultStore.RunsFile}, or records of a benchmark that has figures");
        foreach (var name in figures) bench.Output.WriteLine(ShownPath.Of(Path.Combine(folder, "figures", $"{name}.{format.ToString().ToLowerInvariant()}")));
    }
}
