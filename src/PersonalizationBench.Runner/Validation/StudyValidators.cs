using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Validation;

/// <summary>Something wrong with a study, found before anything costs time.</summary>
/// <param name="IsError">Else it is a warning: printed, and the study runs.</param>
/// <param name="Line">Of the study file.</param>
public sealed record Problem(bool IsError, int Line, string Message);

/// <summary>One thing that a study can get wrong.</summary>
public interface IStudyValidator
{
    IEnumerable<Problem> Validate(StudyPlan plan);
}

/// <summary>All of them, in the order in which their problems are shown.</summary>
public static class StudyValidators
{
    public static IReadOnlyList<IStudyValidator> All { get; } =
    [
        new StrategySettingsValidator(),
        new StudyMaterialValidator(),
        new DatasetNeedsValidator(),
        new DuplicateCellsValidator(),
        new SeedsValidator(),
        new ControlsValidator(),
        new DisjointUsersValidator(),
        new EvidenceValidator(),
        new LeakedTextsValidator(),
        new StudyQuestionsValidator(),
        new TuningValidator(),
        new AnswerLengthValidator(),
        new SayableAnswersValidator(),
        new ContrastsValidator(),
        new BaseNotesValidator(),
    ];

    /// <summary>The warnings.</summary>
    /// <exception cref="PbenchException">All errors, a line each.</exception>
    public static IReadOnlyList<string> Check(StudyPlan plan)
    {
        var problems = All.SelectMany(v => v.Validate(plan)).ToList();
        var errors = problems.Where(p => p.IsError).Select(p => Locate(plan, p)).ToList();
        if (errors.Count > 0) throw new PbenchException(string.Join('\n', errors));
        return [.. problems.Select(p => Locate(plan, p))];
    }

    private static string Locate(StudyPlan plan, Problem problem) => $"{plan.File.Path}:{problem.Line}: {problem.Message}";
}
