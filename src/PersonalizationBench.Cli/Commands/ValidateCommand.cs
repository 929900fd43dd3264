using System.CommandLine;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Validation;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench validate FILE</c>: everything that can be known of a study before it runs.</summary>
internal static class ValidateCommand
{
    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "A study, such as experiments/quickstart.yaml" };
        var command = new Command("validate", "Check a study without running it") { file };
        command.SetAction(parse =>
        {
            var plan = Plan(bench, parse.GetRequiredValue(file));
            var trained = plan.Strategies.Count(s => s.IsTrained);
            bench.Output.WriteLine($"{plan.File.Path}: {plan.Cells.Count} cells: {plan.Bases.Count} bases, {plan.Datasets.Count} datasets, {plan.Strategies.Count} strategies ({trained} of them trained, {plan.File.Spec.Seeds.Count} seeds each)");
        });
        return command;
    }

    /// <summary>A study that may run; its warnings go to standard error.</summary>
    public static StudyPlan Plan(Workbench bench, string path)
    {
        var plan = bench.Planner.Plan(StudyFile.Read(path));
        StudyPublishing.Check(plan);
        foreach (var warning in StudyValidators.Check(plan)) bench.Error.WriteLine($"pbench: warning: {warning}");
        return plan;
    }
}
