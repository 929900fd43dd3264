using PersonalizationBench.Core;
using PersonalizationBench.Core.Csv;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Tuning;

/// <summary>From what tuning measured to what the study takes.</summary>
public static class TuningChoice
{
    /// <summary>The best configuration of every family's strategies on every base: of equals the first.</summary>
    /// <param name="plan">As <see cref="StudyPlanner.PlanTuning"/> makes it.</param>
    /// <param name="folder">Where it was measured.</param>
    /// <exception cref="PbenchException">No configuration of a strategy gave a result.</exception>
    public static IReadOnlyList<ChosenRecord> Of(StudyPlan plan, string folder)
    {
        var spec = plan.File.Spec.Tune!;
        var runs = RecordCsv.ReadFile<RunRecord>(Path.Combine(folder, ResultStore.RunsFile)).Where(r => r.Status == CellStatus.Ok).ToList();
        var probes = RecordCsv.ReadFile<ProbeRecord>(Path.Combine(folder, ResultStore.ProbesFile)).ToLookup(p => p.Key);
        var objective = new Objective(spec.Objective);
        var isHigherBetter = objective.IsHigherBetter(plan.Datasets.SelectMany(d => d.Data.Users).SelectMany(u => u.Probes))!.Value;
        return [..
            from model in plan.Bases
            from strategy in plan.Families.Where(f => f.Bases.Contains(model.Name)).GroupBy(f => (f.Name, f.Type))
            select Choose(model, strategy.Key.Name, strategy.Key.Type, [.. strategy.SelectMany(f => f.Configurations)])];

        ChosenRecord Choose(BaseInfo model, string family, string type, IReadOnlyList<Configuration> configurations)
        {
            var judged = configurations.Select(c => (Configuration: c, Objective: Judge(model, type, c))).ToList();
            (Configuration Configuration, Interval Objective)? best = null;
            foreach (var (configuration, value) in judged)
            {
                if (value is not null && (best is null || Objective.IsBetter(value.Estimate, best.Value.Objective.Estimate, isHigherBetter))) best = (configuration, value);
            }
            var (chosen, interval) = best ?? throw new PbenchException($"{plan.File.Path}: none of the {configurations.Count} configurations of '{family}' gave a result on {model.Name}");
            return new ChosenRecord
            {
                Study = plan.Name,
                Base = model.Name,
                Family = family,
                Strategy = type,
                Settings = chosen.Settings,
                Objective = spec.Objective,
                Estimate = interval.Estimate,
                Low = interval.Low,
                High = interval.High,
                Configurations = TuningFamily.Budget(plan.Families, family, model.Name),
                Failed = judged.Count(j => j.Objective is null),
                Seeds = spec.Seeds.Count,
                Users = interval.Units,
                Grid = TuningFamily.Grid(plan.Families, family, model, spec, plan.Datasets),
            };
        }

        // A configuration that failed with one of its seeds, or on one of its datasets, would be judged by the easier ones alone.
        Interval? Judge(BaseInfo model, string type, Configuration configuration)
        {
            var cells = plan.Cells.Where(c => c.Base.Name == model.Name && c.Strategy.Type == type && c.Strategy.Settings == configuration.Settings).ToList();
            return cells.All(c => runs.Any(r => r.Key == c.Key)) ? objective.Of(cells.SelectMany(c => probes[c.Key])) : null;
        }
    }
}
