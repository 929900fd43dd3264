using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Metrics;
using PersonalizationBench.Models;

namespace PersonalizationBench.Pretraining;

/// <summary>What an exam came to.</summary>
public readonly record struct ExamScore(int Right, int Questions)
{
    public double Accuracy => (double)Right / Questions;
}

/// <summary>Asks a base in training what it can do by now.</summary>
public sealed class Examiner(int questions, int maxAnswerTokens, int stopId)
{
    /// <summary>Right answers by exam; questions evenly spread where there are more than wanted. One that does not
    /// fit the base's context is not asked, and an exam of which none fits is not in the result.</summary>
    public IReadOnlyDictionary<string, ExamScore> Hold(IBaseModel model, IReadOnlyList<Exam> exams, CancellationToken cancellation)
    {
        var asked = (
            from exam in exams
            let fitting = exam.Questions.Select(q => (exam.Name, q.Gold, Tokens: TextEncoding.Prompt(model.Tokenizer, q.Prompt))).Where(q => q.Tokens.Length + maxAnswerTokens <= model.Info.ContextLength).ToList()
            from question in Some(fitting)
            select question).ToList();
        var requests = asked.ConvertAll(a => new GenerationRequest(a.Tokens, maxAnswerTokens) { StopIds = [stopId, .. model.Tokenizer.Ends()] });
        var answers = model.Generate(requests, CostMeter.Unread(), cancellation);
        return asked.Zip(answers, (a, g) => (a.Name, Score: ExactMatch.Score(model.Tokenizer.Decode(g.Tokens), [a.Gold])))
            .GroupBy(s => s.Name).ToDictionary(g => g.Key, g => new ExamScore(g.Count(s => s.Score == 1), g.Count()));
    }

    public static string Show(IReadOnlyDictionary<string, ExamScore> scores) =>
        string.Join(", ", scores.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key} {s.Value.Accuracy:0.00}")));

    private IEnumerable<T> Some<T>(List<T> all)
    {
        var count = Math.Min(questions, all.Count);
        for (var i = 0; i < count; i++) yield return all[(int)((long)i * all.Count / count)];
    }
}
