using PersonalizationBench.Cli.Output;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Validation;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench validate FILE</c>: everything that can be known of a study before it runs.</summary>
internal static class ValidateCommand
{
    public static Command Create(Workbench bench)
    {
        var study = new StudyOptions();
        var command = new Command("validate", "Check a study without running it: its cells, what is done, what the others may take");
        study.AddTo(command);
        command.SetAction(parse =>
        {
            var plan = study.Plan(parse, bench);
            var trained = plan.Strategies.Count(s => s.IsTrained);
            bench.Output.WriteLine($"{plan.File.Path}: {plan.Cells.Count} cells: {plan.Bases.Count} bases, {plan.Datasets.Count} datasets, {plan.Strategies.Count} strategies ({trained} of them trained, {plan.File.Spec.Seeds.Count} seeds each)");
            var done = ResultStore.Done(Path.Combine(bench.RunsFolder, plan.Name), plan);
            var rows = StudyForecast.Of(plan, c => done.Contains(c.Key), EarlierResults.In(Path.Combine(bench.RunsFolder, plan.Name), Path.Combine(bench.ResultsFolder, plan.Name), bench.RunsFolder, bench.ResultsFolder));
            ResultTable.PrintPlain([["base", "strategy", "cells", "done", "to go", "memory", "as in"], .. rows.Select(r => r.Fields)], bench.Output);
            bench.Output.WriteLine(StudyForecast.Total(rows));
        });
        return command;
    }

    /// <summary>A study that may run; its warnings go to standard error.</summary>
    /// <param name="device">In place of the study's own; null: as it says.</param>
    public static StudyPlan Plan(Workbench bench, string path, string? device = null)
    {
        var file = StudyFile.Read(path);
        if (device is not null) file = file with { Spec = file.Spec with { Device = device } };
        var plan = bench.Planner.Plan(file);
        StudyPublishing.Check(plan);
        foreach (var warning in StudyValidators.Check(plan)) bench.Error.WriteLine($"pbench: warning: {warning}");
        return plan;
    }
}

/// <summary>Which study, and on which device.</summary>
internal sealed class StudyOptions
{
    private readonly Argument<string> _file = new("FILE") { Description = "A study, such as experiments/quickstart.yaml" };

    private readonly Option<string?> _device = new("--device") { Description = "auto, cpu or cuda, in place of what the study says" };

    public void AddTo(Command command)
    {
        _device.AcceptOnlyFromAmong("auto", "cpu", "cuda");
        command.Add(_file);
        command.Add(_device);
    }

    public StudyPlan Plan(ParseResult parse, Workbench bench) => ValidateCommand.Plan(bench, parse.GetRequiredValue(_file), parse.GetValue(_device));
}
