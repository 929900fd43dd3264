using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Strategies.UnsureRag;

/// <summary>Adapters that answer, and an index for what they are unsure of; where it finds nothing, the adapter's answer stands. Owns both.</summary>
internal sealed class UnsureModels(PersonalModels own, PersonalModels index, double threshold, AdaptationRequest request) : IPersonalModels, IAdapterModels
{
    public long TrainableParameters => own.TrainableParameters;

    public long StoredBytesPerUser => own.StoredBytesPerUser + index.StoredBytesPerUser;

    public IReadOnlyList<StudyPair> StudyPairs => own.StudyPairs;

    public IReadOnlyList<Answer> Answer(IReadOnlyList<Question> questions, CostMeter meter, CancellationToken cancellation)
    {
        var (answering, weighing) = (new CostMeter(meter.Clock), new CostMeter(meter.Clock));
        Answer[] answers = [.. own.Answer(questions, answering, cancellation)];
        var sure = Sure(questions, answers, weighing, cancellation);
        meter.Include(answering);
        meter.Include(weighing);
        var unsure = Enumerable.Range(0, questions.Count).Where(i => !sure[i]).ToList();
        // Nobody sees a token before it is decided who answers.
        for (var i = unsure.Count; i < answering.FirstTokenSeconds.Count; i++) meter.ObserveFirstToken();
        foreach (var (i, found) in unsure.Zip(index.Answer(unsure.ConvertAll(i => questions[i]), meter, cancellation)))
        {
            if (found.ContextIds.Count > 0) answers[i] = found with { PromptTokens = answers[i].PromptTokens + found.PromptTokens };
        }
        return answers;
    }

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<string> texts, CancellationToken cancellation) => own.ScoreTexts(texts, cancellation);

    public IReadOnlyList<IReadOnlyList<double>> ScoreTexts(IReadOnlyList<IReadOnlyList<string>> textsOfUsers, CancellationToken cancellation) => own.ScoreTexts(textsOfUsers, cancellation);

    public IEnumerable<(string UserId, PeftAdapter Adapter)> ExportAdapters() => own.ExportAdapters();

    public void Save(string folder) => own.Save(folder);

    public void Dispose()
    {
        own.Dispose();
        index.Dispose();
    }

    /// <summary>Whether each answer stands as it is.</summary>
    private bool[] Sure(IReadOnlyList<Question> questions, IReadOnlyList<Answer> answers, CostMeter meter, CancellationToken cancellation)
    {
        var sure = questions.Select(q => q.Scoring is ProbeScoring.Style or ProbeScoring.BitsPerByte).ToArray();
        var judged = Enumerable.Range(0, questions.Count).Where(i => !sure[i] && answers[i].Text.Length > 0 && !IsUnknown(answers[i].Text)).ToList();
        // An answer's probability is the likelihood of its text behind the bare question, under the same adapter.
        var scored = own.Answer(judged.ConvertAll(i => questions[i] with { Scoring = ProbeScoring.BitsPerByte, Continuation = AnswerText.Behind(questions[i].Prompt, answers[i].Text), Choices = [] }), meter, cancellation);
        foreach (var (i, score) in judged.Zip(scored)) sure[i] = Math.Exp(score.LogLikelihood!.Value) >= threshold;
        return sure;
    }

    private bool IsUnknown(string answer) => AnswerText.IsUnknown(answer, request);
}
