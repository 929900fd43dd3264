using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Simulations;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench statistics</c>: simulated studies of known truth through the intervals and tests of every report.</summary>
internal static class StatisticsCommand
{
    private static readonly Option<int> s_studies = new("--studies") { Description = "Simulated studies of each cell", DefaultValueFactory = _ => 200 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the tables go (default: results/statistics of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var statistics = new Command("statistics", "Simulate how often intervals hold the truth and tests err or find") { s_studies, s_output };
        statistics.SetAction((parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var studies = parse.GetValue(s_studies);
            if (studies < 1) throw new PbenchException($"{s_studies.Name}: expected at least 1, not {studies}");
            var coverage = StatisticsSimulation.Coverage(studies, cancellation).ToList();
            var errors = StatisticsSimulation.Errors(studies, cancellation).ToList();
            var power = StatisticsSimulation.Power(studies, cancellation).ToList();
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "statistics");
            StatisticsPage.Write(folder, coverage, errors, power);
            workbench.Output.WriteLine(StatisticsPage.Summary(coverage, errors));
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return Task.FromResult(StatisticsPage.Holds(coverage, errors) ? 0 : 1);
        });
        return statistics;
    }
}
