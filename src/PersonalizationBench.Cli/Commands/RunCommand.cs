using System.Globalization;
using PersonalizationBench.Cli.Output;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Reporting.Output;
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
        var study = new StudyOptions();
        var only = new Option<string?>("--only") { Description = "Measure only the cells with this label or of this pattern, such as \"lora*\" or \"rag k=4\"" };
        var threads = new Option<int?>("--threads") { Description = "Threads for the products (default: all cores, or PBENCH_THREADS)" };
        var results = new Option<string?>("--results") { Description = "Folder that the study's own folder goes into (default: runs of the repository)" };
        var fresh = new Option<bool>("--fresh") { Description = "Forget earlier results of this study" };
        var publish = new Option<bool>("--publish") { Description = "Put the whole study's results into results/ of the repository, from a tree without changes" };
        var format = ReportCommand.FormatOption();
        var command = new Command("run", "Run a study; what was measured before is skipped") { only, threads, results, fresh, publish, format };
        study.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            var publishes = parse.GetValue(publish);
            // Before anything loads libtorch, which reads it once.
            if (parse.GetValue(threads) is { } count) Environment.SetEnvironmentVariable("PBENCH_THREADS", count > 0 ? count.ToString(CultureInfo.InvariantCulture) : throw new PbenchException($"--threads: expected at least 1, found {count}"));
            var plan = study.Plan(parse, bench);
            var chosen = plan with { Cells = StudySelection.Of(plan, parse.GetValue(only)) };
            if (publishes && chosen.Cells.Count < plan.Cells.Count) throw new PbenchException("--publish: a study is published whole; expected no --only beside it");
            if (publishes) Publication.RequireCommit(RunEnvironment.FindCommit());
            var folder = Path.Combine(parse.GetValue(results) ?? bench.RunsFolder, plan.Name);
            var status = Run(bench, plan, chosen, folder, parse.GetValue(fresh), parse.GetValue(format), cancellation);
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
    /// <param name="chosen">The plan, or those of its cells that are to be measured.</param>
    internal static int Run(Workbench bench, StudyPlan plan, StudyPlan chosen, string folder, bool isFresh, PictureFormat format, CancellationToken cancellation)
    {
        StudyOutcome outcome;
        using (var store = ResultStore.Open(folder, plan, bench.Clock, isFresh))
        {
            using var publisher = StudyPublishing.Open(bench, plan);
            var measuredBefore = plan.Cells.Where(store.IsDone).ToList();
            outcome = Measure(bench, plan, chosen, store, publisher, isFresh, cancellation);
            publisher?.Say(measuredBefore);
        }
        if (outcome.Failed.Count < chosen.Cells.Count)
        {
            var here = ReportCommand.Write(bench, folder, format);
            if (!plan.IsTuning) ResultTable.Print(PublishedBeside.Of(here, Path.Combine(bench.ResultsFolder, plan.Name)), bench.Output, bench.IsTerminal);
        }
        foreach (var (cell, result) in outcome.Failed) bench.Error.WriteLine($"pbench: {result.Run.Status}: {cell.Name} on {cell.Base.Name}: {result.Run.Error}");
        return outcome.Failed.Count > 0 ? SomeFailed : 0;
    }

    private static StudyOutcome Measure(Workbench bench, StudyPlan plan, StudyPlan chosen, ResultStore store, StudyPublishing? publisher, bool isFresh, CancellationToken cancellation)
    {
        var executor = new CellExecutor(new PhaseMeter(bench.Clock), new HeldOut(bench.Strategies), publisher);
        var runner = new StudyRunner(bench.Bases, executor, new ArmCosts(bench.Clock, bench.FreshProcess), bench.Clock);
        if (runner.IsComplete(chosen, store)) return runner.Run(chosen, store, new PlainProgress(bench.Output), cancellation);

        var invocation = new Invocation(CommandLine(), bench.Clock.GetUtcNow(), null, null, RunEnvironment.Capture(bench.Libtorch()));
        Manifest.Write(store.Folder, plan, invocation, isFresh);
        try
        {
            return bench.IsTerminal
                ? LiveProgress.Run(bench.Output, observer => runner.Run(chosen, store, observer, cancellation))
                : runner.Run(chosen, store, new PlainProgress(bench.Output), cancellation);
        }
        finally
        {
            Manifest.Write(store.Folder, plan, invocation with { Finished = bench.Clock.GetUtcNow(), Measured = store.Committed }, isFresh: false);
        }
    }

    private static string CommandLine() => string.Join(' ', Environment.GetCommandLineArgs().Skip(1).Prepend("pbench"));
}

/// <summary><c>pbench report NAME</c>: tables and figures from results that are there.</summary>
internal static class ReportCommand
{
    public static Command Create(Workbench bench)
    {
        var folder = new Argument<string>("NAME") { Description = "A study or benchmark, whose results are looked for in runs/ and then in results/, or a folder of results" };
        var format = FormatOption();
        var table = new Option<string?>("--table") { Description = "Instead, print a study's key table as latex (with booktabs) or markdown" };
        var command = new Command("report", "Draw figures anew from results, and a study's report.html") { folder, format, table };
        table.AcceptOnlyFromAmong([.. Table.Formats]);
        command.SetAction(parse =>
        {
            var (results, chosen) = (bench.ResultsOf(parse.GetRequiredValue(folder)), parse.GetValue(format));
            if (parse.GetValue(table) is { } written) bench.Output.Write(StudyResults.Load(results).Table().To(written));
            else if (File.Exists(Path.Combine(results, ResultStore.RunsFile))) Write(bench, results, chosen);
            else Draw(bench, results, chosen);
        });
        return command;
    }

    public static Option<PictureFormat> FormatOption() => new("--format") { Description = "What figures are written as: svg, png or pdf", DefaultValueFactory = _ => PictureFormat.Svg };

    /// <summary>Writes the report, prints its table, and says where everything is.</summary>
    public static StudyResults Write(Workbench bench, string folder, PictureFormat format)
    {
        var results = ReportWriter.Write(folder, format);
        foreach (var table in Tables.ForScreen(results)) ResultTable.Print(table, bench.Output, bench.IsTerminal);
        foreach (var name in (string[])[ResultStore.RunsFile, ResultStore.ProbesFile, Manifest.FileName, "figures", "report.html"])
        {
            var path = Path.Combine(folder, name);
            if (Path.Exists(path)) bench.Output.WriteLine(ShownPath.Of(path));
        }
        return results;
    }

    private static void Draw(Workbench bench, string folder, PictureFormat format)
    {
        var figures = BenchFigures.Write(folder, format);
        if (figures.Count == 0) throw new PbenchException($"{folder}: nothing to draw; expected a study's {ResultStore.RunsFile}, or records of a benchmark that has figures");
        foreach (var name in figures) bench.Output.WriteLine(ShownPath.Of(Path.Combine(folder, "figures", $"{name}.{format.ToString().ToLowerInvariant()}")));
    }
}
