using PersonalizationBench.Cli.Output;
using PersonalizationBench.Reporting;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench compare BEFORE AFTER</c>: what changed between two measurements of a study, and whether they came to the same.</summary>
internal static class CompareCommand
{
    public static Command Create(Workbench bench)
    {
        var before = new Argument<string>("BEFORE") { Description = "Results of a study, such as results/quickstart: a folder or a name" };
        var after = new Argument<string>("AFTER") { Description = "Results of the same study measured again, such as runs/quickstart" };
        var command = new Command("compare", "Compare two measurements of a study; exit status 1 where a mean lies outside the other's interval") { before, after };
        command.SetAction(parse =>
        {
            var (first, second) = (StudyResults.Load(bench.ResultsOf(parse.GetRequiredValue(before))), StudyResults.Load(bench.ResultsOf(parse.GetRequiredValue(after))));
            if (SettingDifferences.Of(first, second) is { Count: > 0 } changed)
            {
                ResultTable.Print(SettingDifferences.Table(changed), bench.Output, bench.IsTerminal);
                bench.Output.WriteLine();
            }
            var comparison = new StudyComparison(first, second);
            ResultTable.Print(comparison.Table(), bench.Output, bench.IsTerminal);
            foreach (var arm in comparison.Unmatched) bench.Output.WriteLine($"only in one: {arm}");
            bench.Output.WriteLine(FormattableString.Invariant($"{comparison.Means.Count(m => m.Agrees)} of {comparison.Means.Count} means lie within each other's interval"));
            return comparison.Means.All(m => m.Agrees) ? 0 : 1;
        });
        return command;
    }
}
