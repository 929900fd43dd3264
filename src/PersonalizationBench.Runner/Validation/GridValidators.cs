using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Validation;

/// <summary>Settings that do not fit a base, such as a rank above its smallest dimension.</summary>
public sealed class StrategySettingsValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        (from strategy in plan.Strategies
         from baseInfo in plan.Bases.Where(strategy.Runs)
         from problem in strategy.Descriptor.Validate(strategy.Options, baseInfo)
         select new Problem(true, strategy.Line, $"{strategy.FullLabel} on {baseInfo.Name}: {problem}")).Distinct();
}

/// <summary>Study material that a data set does not have.</summary>
public sealed class StudyMaterialValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        from strategy in plan.Strategies
        let needs = strategy.Create()
        from dataset in plan.Datasets
        from missing in Missing(needs, dataset.Data)
        select new Problem(true, strategy.Line, $"{strategy.FullLabel} on {dataset.Label}: {missing}");

    private static IEnumerable<string> Missing(IStrategy strategy, Dataset dataset)
    {
        if (strategy.AsksStudyQuestions && dataset.Users.All(u => u.StudyQuestions.Count == 0)) yield return "study.material: the data set has no questions to be studied; expected documents";
        if (strategy.ReadsParaphrases && dataset.Users.Any(u => u.Paraphrases is null)) yield return "study.paraphrases: the data set cannot tell its documents anew; expected 0";
    }
}

/// <summary>What strategies need of the dataset, and what a control of other users needs: others.</summary>
public sealed class DatasetNeedsValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        (from strategy in plan.Strategies
         from dataset in plan.Datasets
         from problem in Problems(strategy, dataset.Data)
         select new Problem(true, strategy.Line, $"{strategy.FullLabel} on {dataset.Label}: {problem}")).Distinct();

    private static IEnumerable<string> Problems(PlannedStrategy strategy, Dataset dataset)
    {
        if (strategy.Control == PlannedStrategy.WrongUser && dataset.Users.Count == 1) yield return $"the control {PlannedStrategy.WrongUser} needs at least 2 users, found 1";
        foreach (var lack in (strategy.Options as IDatasetNeeds)?.Lacks(dataset) ?? []) yield return lack;
    }
}

/// <summary>What a base's files ask for and its answers do not follow.</summary>
public sealed class BaseNotesValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        plan.Bases.SelectMany(b => b.Notes).Distinct().Select(note => new Problem(false, plan.File.Section.LineOf("bases"), note));
}

/// <summary>Two cells that are one and the same.</summary>
public sealed class DuplicateCellsValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        from same in plan.Cells.GroupBy(c => c.Key)
        where same.Count() > 1
        let second = same.ElementAt(1)
        select new Problem(true, second.Strategy.Line, $"'{second.Name}' on {second.Base.Name} stands {same.Count()} times in the grid; first at line {same.First().Strategy.Line}");
}

/// <summary>One seed is an anecdote: what is trained runs at least <see cref="Fewest"/> times.</summary>
public sealed class SeedsValidator : IStudyValidator
{
    public const int Fewest = 5;

    public IEnumerable<Problem> Validate(StudyPlan plan)
    {
        var seeds = plan.File.Spec.Seeds.Distinct().Count();
        if (seeds >= Fewest || plan.Strategies.FirstOrDefault(s => s.IsTrained) is not { } trained) yield break;
        var isAllowed = plan.File.Spec.AllowFewSeeds;
        yield return new Problem(!isAllowed, plan.File.Section.LineOf("seeds"),
            $"seeds: {seeds} of them, and '{trained.Label}' is trained; expected at least {Fewest}{(isAllowed ? "" : ", or allow_few_seeds: true")}");
    }
}

/// <summary>The controls without which no gain means anything: no personalisation, the majority answer (where there are
/// answers to count), the wrong user's history or adapter.</summary>
public sealed class ControlsValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan)
    {
        if (plan.File.Spec.Controls.Waived is not null) yield break;
        var line = plan.File.Section.LineOf("strategies");
        foreach (var missing in Missing(plan))
            yield return new Problem(true, line, $"strategies: the control {missing} is missing; add it, or give the reason as controls: {{ waived: ... }}");
    }

    private static IEnumerable<string> Missing(StudyPlan plan)
    {
        var plain = plan.Strategies.Where(s => s.Control.Length == 0).Select(s => s.Type).ToHashSet();
        // Where nobody can be counted there is no majority to ask for.
        var isAnswered = plan.Datasets.Any(d => d.Data.TuningUsers.Count > 0 && d.Data.Users.Any(u => u.Probes.Any(p => p.Scoring != ProbeScoring.BitsPerByte)));
        if (!plain.Contains("none")) yield return "'type: none'";
        if (isAnswered && !plain.Contains("majority")) yield return "'type: majority'";
        if (plan.Strategies.All(s => s.Control != PlannedStrategy.WrongUser)) yield return $"'control: {PlannedStrategy.WrongUser}' (of any strategy)";
    }
}
