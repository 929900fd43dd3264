using PersonalizationBench.Cli.Output;
using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Reporting.Charts;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Tuning;
using PersonalizationBench.Runner.Validation;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench tune FILE</c>: measure every family's configurations on tuning users, and choose.</summary>
internal static class TuneCommand
{
    public static Command Create(Workbench bench)
    {
        var file = new Argument<string>("FILE") { Description = "A study with tune:, such as experiments/quickstart.yaml" };
        var fresh = new Option<bool>("--fresh") { Description = "Forget earlier results of this tuning" };
        var publish = new Option<bool>("--publish") { Description = "Put what was chosen and measured into results/tuning/ of the repository, from a tree without changes" };
        var command = new Command("tune", "Choose a study's settings on tuning users, every family with the same budget") { file, fresh, publish };
        command.SetAction((parse, cancellation) =>
        {
            var publishes = parse.GetValue(publish);
            if (publishes) Publication.RequireCommit(RunEnvironment.FindCommit());
            var plan = bench.Planner.PlanTuning(StudyFile.Read(parse.GetRequiredValue(file)));
            StudyValidators.Check(plan);
            var folder = Path.Combine(bench.TuningFolder, plan.Name);
            // A configuration that fails has lost: that is what it was tried for.
            RunCommand.Run(bench, plan, plan, folder, parse.GetValue(fresh), PictureFormat.Svg, cancellation);
            var chosen = TuningChoice.Of(plan, folder);
            RecordCsv.WriteFile(Path.Combine(folder, ChosenRecord.FileName), chosen);
            foreach (var row in chosen)
                bench.Output.WriteLine(FormattableString.Invariant($"{row.Base}: {row.Family}: {row.Settings}  {row.Objective} {row.Estimate:0.000} [{row.Low:0.000}, {row.High:0.000}]  of {row.Configurations} configurations x {row.Seeds} seeds on {row.Users} tuning users"));
            bench.Output.WriteLine(ShownPath.Of(Path.Combine(folder, ChosenRecord.FileName)));
            if (!publishes) return Task.FromResult(0);
            var published = Path.Combine(bench.ResultsFolder, "tuning", plan.Name);
            Publication.Publish(folder, published);
            bench.Output.WriteLine($"published: {ShownPath.Of(published)}");
            return Task.FromResult(0);
        });
        return command;
    }
}
