using System.CommandLine;
using PersonalizationBench.Cli.Output;
using PersonalizationBench.Reporting;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench compare BEFORE AFTER</c>: whether a study that was measured twice came to the same.</summary>
internal static class CompareCommand
{
    public static Command Create(Workbench bench)
    {
        var before = new Argument<string>("BEFORE") { Description = "Results of a study, such as results/quickstart" };
        var after = new Argument<string>("AFTER") { Description = "Results of the same study measured again, such as runs/quickstart" };
        var command = new Command("compare", "Compare two measurements of a study; exit status 1 where a mean lies outside the other's interval") { before, after };
        command.SetAction(parse =>
        {
            var comparison = new StudyComparison(StudyResults.Load(parse.GetRequiredValue(before)), StudyResults.Load(parse.GetRequiredValue(after)));
            ResultTable.Print(comparison.Table(), bench.Output, bench.IsTerminal);
            foreach (var arm in comparison.Unmatched) bench.Output.WriteLine($"only in one: {arm}");
            bench.Output.WriteLine(FormattableString.Invariant($"{comparison.Means.Count(m => m.Agrees)} of {comparison.Means.Count} means lie within each other's interval"));
            return comparison.Means.All(m => m.Agrees) ? 0 : 1;
        });
        return command;
    }
}
