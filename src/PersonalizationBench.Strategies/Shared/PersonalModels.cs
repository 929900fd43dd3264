using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>Positions in a user's history that should be in the prompt of a question, most wanted first.</summary>
/// <param name="user">Index of the user in the request.</param>
/// <param name="question">The user's question.</param>
internal delegate IReadOnlyList<int> ContextSelector(int user, Question question);

/// <summary>
/// Personal models that read a prompt: what they differ in is which documents stand in it (<paramref name="context"/>)
/// and with which weights it is read (<paramref name="weights"/>). Owns the weights.
/// </summary>
internal sealed class PersonalModels(AdaptationRequest request, ContextSelector context, IPersonalWeights weights, PromptAnswering answering) : IPersonalModels, IAdapterModels
{
    private readonly UserTable _users = new(request.Histories);

    public long TrainableParameters => weights.TrainableParameters;

    public long StoredBytesPerUser => StoredContextBytes + weights.StoredBytesPerUser;

    /// <summary>Bytes of the documents and indexes kept per user (mean).</summary>
    public long StoredContextBytes { get; init; }

    public IReadOnlyList<StudyPair> StudyPairs { get; init; } = [];

    /// <summary>What goes with the models.</summary>
    public IReadOnlyList<IDisposable> Owned { get; init; } = [];

    public IReadOnlyList<Answer> Answer(IReadOnlyList<Question> questions, CostMeter meter, CancellationToken cancellation)
    {
        var users = questions.Select(_users.IndexOf).ToList();
        var answers = new Answer[questions.Count];
        foreach (var together in Enumerable.Range(0, questions.Count).GroupBy(i => weights.Group(users[i])))
        {
            using var use = weights.Use(together.Key);
            var prompted = together.Select(i => new PromptedQuestion(questions[i], _users[users[i]].Documents, context(users[i], questions[i]), weights.Slot(users[i]))).ToList();
            foreach (var (i, answer) in together.Zip(answering.Answer(prompted, meter, cancellation))) answers[i] = answer;
        }
        return answers;
    }

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<string> texts, CancellationToken cancellation) =>
        ScoreTexts([.. Enumerable.Repeat(texts, _users.Count)], cancellation);

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<IReadOnlyList<string>> textsOfUsers, CancellationToken cancellation)
    {
        var scores = new IReadOnlyList<double>[_users.Count];
        // A text under the same weights (all users', where nothing is trained) is scored once.
        foreach (var alike in Enumerable.Range(0, _users.Count).GroupBy(u => (Group: weights.Group(u), Slot: weights.Slot(u))))
        {
            using var use = weights.Use(alike.Key.Group);
            var texts = alike.SelectMany(u => textsOfUsers[u]).Distinct().ToList();
            var score = texts.Zip(answering.ScoreTexts(texts, alike.Key.Slot, cancellation)).ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal);
            foreach (var user in alike) scores[user] = [.. textsOfUsers[user].Select(t => score[t])];
        }
        return scores;
    }

    public IEnumerable<(string UserId, PeftAdapter Adapter)> ExportAdapters() => weights.Export(request.Histories);

    public void Save(string folder)
    {
        foreach (var (user, adapter) in ExportAdapters()) PeftAdapterFile.Save(AdapterFolders.PathOf(folder, user), adapter);
    }

    public void Dispose()
    {
        foreach (var owned in Owned) owned.Dispose();
        weights.Dispose();
    }
}
