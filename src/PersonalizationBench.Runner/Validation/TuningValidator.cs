using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Tuning;

namespace PersonalizationBench.Runner.Validation;

/// <summary>Tuning is fair where every family may try as much as any other, and its objective is one thing.</summary>
public sealed class TuningValidator : IStudyValidator
{
    /// <summary>What has no settings to choose.</summary>
    private static readonly string[] s_settled = ["none", "majority", "oracle"];

    public IEnumerable<Problem> Validate(StudyPlan plan)
    {
        if (plan.File.Spec.Tune is not { } tune) return [];
        return [.. Budgets(plan), .. Doubled(plan), .. Objectives(plan, tune), .. TuningUsers(plan), .. Untuned(plan)];
    }

    private static IEnumerable<Problem> Budgets(StudyPlan plan)
    {
        var told = new HashSet<string>();
        foreach (var model in plan.Bases)
        {
            var families = plan.Families.Where(f => f.Bases.Contains(model.Name)).DistinctBy(f => f.Name).ToList();
            if (families.Count == 0) continue;
            var most = families.MaxBy(Budget)!;
            foreach (var family in families.Where(f => Budget(f) < Budget(most) && told.Add(f.Name)))
                yield return new Problem(true, family.Section.Line, $"tune.families: '{family.Name}' has {Budget(family)} configurations on {model.Name} where '{most.Name}' has {Budget(most)}; every family gets as many");

            int Budget(TuningFamily family) => TuningFamily.Budget(plan.Families, family.Name, model.Name);
        }
    }

    private static IEnumerable<Problem> Doubled(StudyPlan plan) =>
        from model in plan.Bases
        from tried in plan.Families.Where(f => f.Bases.Contains(model.Name)).SelectMany(f => f.Configurations, (f, c) => (Family: f, Configuration: c)).GroupBy(t => (t.Family.Name, t.Family.Type, t.Configuration.Settings))
        where tried.Count() > 1
        select new Problem(true, tried.Last().Family.Section.Line, $"tune.families: a configuration of '{tried.Key.Name}' stands {tried.Count()} times on {model.Name}: {tried.Key.Settings}; expected each once");

    private static IEnumerable<Problem> Objectives(StudyPlan plan, TuneSpec tune)
    {
        var probes = plan.Datasets.SelectMany(d => d.Data.Users).SelectMany(u => u.Probes).ToList();
        var kinds = probes.Select(p => p.Kind).Distinct().ToList();
        var line = plan.File.Section.Find("tune")!.LineOf("objective");
        if (tune.Objective != TuneSpec.Mean && !kinds.Contains(tune.Objective))
            yield return new Problem(true, line, $"tune.objective: there are no probes of the kind '{tune.Objective}'; {(NearestWord.Find(tune.Objective, kinds.Append(TuneSpec.Mean)) is { } nearest ? $"did you mean '{nearest}'?" : $"expected mean or one of {string.Join(", ", kinds)}")}");
        else if (new Objective(tune.Objective).IsHigherBetter(probes) is null)
            yield return new Problem(true, line, $"tune.objective: a mean of accuracies, which are better when higher, and of bits per byte, which are better when lower, says nothing; expected one of {string.Join(", ", kinds)}");
    }

    private static IEnumerable<Problem> TuningUsers(StudyPlan plan) =>
        from dataset in plan.Datasets
        where dataset.Data.Users.Count == 0 || (!plan.IsTuning && dataset.Data.TuningUsers.Count < 2)
        select new Problem(true, plan.File.Section.LineOf("dataset"), $"dataset {dataset.Label}: there are fewer than 2 tuning users to tune on; expected some, such as tuning_users: 16");

    /// <summary>Where some are tuned, the others are not at their best.</summary>
    private static IEnumerable<Problem> Untuned(StudyPlan plan) => plan.IsTuning ? [] :
        from strategy in plan.Strategies.Where(s => s.Tuned is null && s.Control.Length == 0 && !s_settled.Contains(s.Type)).DistinctBy(s => s.Type)
        select new Problem(false, strategy.Line, $"'{strategy.Type}' is not tuned, and others are: the report will say so; expected tuned: FAMILY");
}
