using PersonalizationBench.Core;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Validation;

/// <summary>What each dataset of the plan can get wrong, told at the line of <c>dataset</c>.</summary>
public abstract class DatasetValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        from dataset in plan.Datasets
        from problem in Problems(dataset.Data)
        select new Problem(true, plan.File.Section.LineOf("dataset"), $"dataset {dataset.Label}: {problem}");

    protected abstract IEnumerable<string> Problems(Dataset dataset);

    /// <summary>The first few of many, and how many there are.</summary>
    internal static string Some(IReadOnlyCollection<string> items) =>
        string.Join(", ", items.Take(3)) + (items.Count > 3 ? $" and {items.Count - 3} more" : "");
}

/// <summary>Users reported and users tuned on must be different people.</summary>
public sealed class DisjointUsersValidator : DatasetValidator
{
    protected override IEnumerable<string> Problems(Dataset dataset)
    {
        if (dataset.Users.Count == 0) yield return "there are no users";
        if (Doubled(dataset.Users) is { Count: > 0 } doubled) yield return $"user ids that stand twice: {Some(doubled)}";
        if (Common(dataset, u => u.Id) is { Count: > 0 } ids) yield return $"users are also tuning users, by id: {Some(ids)}";
        if (Common(dataset, u => u.Name.ToLowerInvariant()) is { Count: > 0 } names) yield return $"users are also tuning users, by name: {Some(names)}";
    }

    private static List<string> Common(Dataset dataset, Func<User, string> property) =>
        [.. dataset.Users.Select(property).Intersect(dataset.TuningUsers.Select(property)).Where(p => p.Length > 0)];

    private static List<string> Doubled(IEnumerable<User> users) => [.. users.GroupBy(u => u.Id).Where(g => g.Count() > 1).Select(g => g.Key)];
}

/// <summary>Evidence must be there to be found, and ids must be unique for it to be found by them.</summary>
public sealed class EvidenceValidator : DatasetValidator
{
    protected override IEnumerable<string> Problems(Dataset dataset)
    {
        if (dataset.Users.All(u => u.Probes.Count == 0)) yield return "there are no probes";
        foreach (var user in dataset.Users)
        {
            var documents = user.History.Select(d => d.Id).ToHashSet();
            if (documents.Count < user.History.Count) yield return $"user {user.Id}: document ids stand twice";
            if (user.Probes.DistinctBy(p => p.Id).Count() < user.Probes.Count) yield return $"user {user.Id}: probe ids stand twice";
            var lost = user.Probes.Where(p => p.EvidenceIds.Any(e => !documents.Contains(e))).Select(p => p.Id).ToList();
            if (lost.Count > 0) yield return $"user {user.Id}: probes whose evidence is not in the history: {Some(lost)}";
            var wrong = user.Probes.Where(p => (p.Choices.Count > 0 || p.Scoring == ProbeScoring.Choice) && !p.Choices.Intersect(p.Accepted).Any()).Select(p => p.Id).ToList();
            if (wrong.Count > 0) yield return $"user {user.Id}: probes whose choices lack an accepted answer: {Some(wrong)}";
        }
    }
}

/// <summary>Accepted answers must be shorter than the longest that is read: an answer that goes on must be seen to.</summary>
public sealed class AnswerLengthValidator : DatasetValidator
{
    protected override IEnumerable<string> Problems(Dataset dataset)
    {
        var longer = AnswerLimit.Accepted(dataset.Users).Where(a => a.Length >= dataset.MaxAnswerCharacters).Distinct().ToList();
        if (longer.Count > 0) yield return $"answers are read to {dataset.MaxAnswerCharacters} characters, and accepted ones are as long or longer: {Some([.. longer.Select(a => $"'{a}'")])}";
    }
}

/// <summary>An answer that a base cannot say counts against whatever runs on it: a warning, for the reader of its scores.</summary>
public sealed class SayableAnswersValidator : IStudyValidator
{
    public IEnumerable<Problem> Validate(StudyPlan plan) =>
        from info in plan.Bases
        let tokenizer = info.Tokenizer?.Value
        where tokenizer is not null
        from dataset in plan.Datasets
        let unsayable = AnswerLimit.Unsayable(tokenizer, dataset.Data)
        where unsayable.Count > 0
        select new Problem(false, plan.File.Section.LineOf("bases"),
            $"base {info.Name}: its tokenizer cannot say {unsayable.Count} of the accepted answers of {dataset.Label}: {DatasetValidator.Some([.. unsayable.Select(a => $"'{a}'")])}");
}

/// <summary>What is scored must not have been read: a later document in the history, a held-out text in the replay.</summary>
public sealed class LeakedTextsValidator : DatasetValidator
{
    protected override IEnumerable<string> Problems(Dataset dataset)
    {
        foreach (var user in dataset.Users)
        {
            var history = user.History.Select(d => Wording.Normalize(d.Text)).ToHashSet();
            var leaked = user.Probes.Where(p => p.Scoring == ProbeScoring.BitsPerByte && history.Contains(Wording.Normalize(p.Gold))).Select(p => p.Id).ToList();
            if (leaked.Count > 0) yield return $"user {user.Id}: texts to be scored that stand in the history: {Some(leaked)}";
        }
        var shared = dataset.HeldOutTexts.Select(Wording.Normalize).Intersect(dataset.ReplayTexts.Select(Wording.Normalize)).Count();
        if (shared > 0) yield return $"{shared} held-out texts are among the replay texts";
    }
}

/// <summary>Study material must not ask what is asked afterwards in the same words.</summary>
public sealed class StudyQuestionsValidator : DatasetValidator
{
    protected override IEnumerable<string> Problems(Dataset dataset)
    {
        foreach (var user in dataset.Users)
        {
            var probed = user.StudyQuestions.Except(StudyQuestion.Unprobed(user.StudyQuestions, user.Probes)).Select(q => $"'{q.Prompt.ReplaceLineEndings(" ")}'").ToList();
            if (probed.Count > 0) yield return $"user {user.Id}: study questions worded as a probe is: {Some(probed)}";
        }
    }
}
