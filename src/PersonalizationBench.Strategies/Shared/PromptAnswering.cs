using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>A question with what may go in its prompt and who answers it.</summary>
/// <param name="Question">What is asked.</param>
/// <param name="History">The user's documents, oldest first.</param>
/// <param name="Wanted">Positions in <paramref name="History"/>, most wanted first.</param>
/// <param name="Slot">Adapter slot; -1 for none.</param>
internal sealed record PromptedQuestion(Question Question, IReadOnlyList<Document> History, IReadOnlyList<int> Wanted, int Slot);

/// <summary>
/// The one way from questions to answers: prompt, batch, read off. Questions that are answered in words are generated
/// greedily; choices are compared by the sum of their tokens' log-likelihood, and beside that by the sum per byte; texts are scored token by token.
/// </summary>
/// <remarks>A choice is scored as it would stand in the text: with a space after a prompt that ends in none, and encoded together with the
/// prompt, since tokens can merge where the two meet (as lm-evaluation-harness does).</remarks>
/// <param name="context">What of the documents goes into the prompt, and in which order.</param>
/// <param name="before">Positions of the context that are taken by what stands before every prompt.</param>
internal sealed class PromptAnswering(AdaptationRequest request, ContextSettings? context = null, int before = 0)
{
    /// <summary>A style is shown over several lines, an answer in a few words.</summary>
    private const int StyleTokens = 64;

    private readonly IBaseModel _model = request.Base;
    private readonly ITokenizer _tokenizer = request.Base.Tokenizer;
    private readonly PromptBuilder _prompts = new(request.Base.Tokenizer, request.Format, context?.Order ?? DocumentOrder.OldestFirst);
    private readonly AnswerEnds _ends = new(request);

    private int ContextLength => _model.Info.ContextLength - before;

    public IReadOnlyList<Answer> Answer(IReadOnlyList<PromptedQuestion> questions, CostMeter meter, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var prompts = questions.Select(BuildPrompt).ToList();
        var answers = questions.Select((q, i) => new Answer(q.Question.UserId, q.Question.ProbeId, "")
        {
            PromptTokens = prompts[i].Tokens.Length,
            ContextIds = prompts[i].ContextIds,
        }).ToArray();
        CountShared(questions, prompts, meter);
        var generations = Generate(questions, prompts, answers, meter, cancellation);
        Choose(questions, prompts, generations, answers, meter, cancellation);
        ScoreContinuations(questions, prompts, answers, meter, cancellation);
        return answers;
    }

    /// <summary>Natural-log likelihood of each text by itself, under one slot.</summary>
    public IReadOnlyList<double> ScoreTexts(IReadOnlyList<string> texts, int slot, CancellationToken cancellation)
    {
        var beginning = _tokenizer.Begun([]);
        return Sums(texts.Select(t => LikelihoodWindows.Split(beginning, TextEncoding.Prompt(_tokenizer, t)[_tokenizer.Beginning.Count..], ContextLength, slot)), CostMeter.Unread(), cancellation);
    }

    private Prompt BuildPrompt(PromptedQuestion asked)
    {
        var question = asked.Question;
        var room = question.Scoring == ProbeScoring.BitsPerByte
            ? LikelihoodWindows.PromptRoom(ContextLength, Continued(TextToScore(question)).Length)
            : ContextLength - Math.Max(NewTokens(question), question.Choices.Select(c => Continued(Following(question, c)).Length).DefaultIfEmpty().Max());
        if (room < 1) throw new PbenchException($"probe {question.ProbeId} of user {question.UserId}: no room for a prompt; a choice is as long as the base's context of {ContextLength} tokens");
        return _prompts.Build(asked.History, asked.Wanted, question.Prompt, room, context?.BudgetTokens);
    }

    /// <summary>What all prompts of a user begin with, all but their last token at most; nothing of a user who asks once.</summary>
    private void CountShared(IReadOnlyList<PromptedQuestion> questions, List<Prompt> prompts, CostMeter meter)
    {
        foreach (var own in Enumerable.Range(0, questions.Count).GroupBy(i => questions[i].Question.UserId).Select(g => g.ToList()).Where(g => g.Count > 1))
        {
            var first = prompts[own[0]].Tokens;
            var shared = own.Min(i => Math.Min(prompts[i].Tokens.Length - 1, prompts[i].Tokens.AsSpan().CommonPrefixLength(first)));
            meter.AddShared(shared, own.Count, _model.ReadingFlops(shared, questions[own[0]].Slot));
        }
    }

    private Generation?[] Generate(IReadOnlyList<PromptedQuestion> questions, List<Prompt> prompts, Answer[] answers, CostMeter meter, CancellationToken cancellation)
    {
        var generations = new Generation?[questions.Count];
        // A batch goes on as long as its longest row: those of a few words and those of many lines are apart.
        foreach (var asked in Indices(questions, q => NewTokens(q) > 0).GroupBy(i => NewTokens(questions[i].Question)).Select(g => g.ToList()))
        {
            var generated = _model.Generate(asked.ConvertAll(i => new GenerationRequest(prompts[i].Tokens, NewTokens(questions[i].Question), questions[i].Slot)
            {
                StopIds = questions[i].Question.ForcedTokens is not null ? [] : IsStyle(questions[i].Question) ? _ends.EndIds : _ends.StopIds,
                Candidates = SingleTokens(questions[i], prompts[i]) ?? [],
                Forced = questions[i].Question.ForcedTokens is null ? [] : Forced(questions[i].Question),
            }), meter, cancellation);
            foreach (var (i, generation) in asked.Zip(generated))
            {
                var text = _tokenizer.Decode(generation.Tokens);
                answers[i] = answers[i] with { Text = (IsStyle(questions[i].Question) ? text : _ends.Cut(text)).Trim() };
                generations[i] = generation;
            }
        }
        return generations;
    }

    private void Choose(
        IReadOnlyList<PromptedQuestion> questions, List<Prompt> prompts, Generation?[] generations, Answer[] answers, CostMeter meter, CancellationToken cancellation)
    {
        ChooseAmong(Indices(questions, q => q.Scoring == ProbeScoring.Choice), meter);
        // Beside a generated answer the choices are a second look at the same probe: not what answering it costs. Where they are
        // single tokens, their likelihood came with the generation.
        var beside = Indices(questions, q => q.Scoring == ProbeScoring.ExactMatch && q.Choices.Count > 0).ToLookup(i => generations[i]?.CandidateScores?.Count == questions[i].Question.Choices.Count);
        foreach (var i in beside[true]) answers[i] = Chosen(answers[i], questions[i].Question, generations[i]!.CandidateScores!);
        ChooseAmong([.. beside[false]], CostMeter.Unread());

        void ChooseAmong(List<int> asked, CostMeter costs)
        {
            if (asked.Count == 0) return;
            var scores = _model.Score(asked.SelectMany(i => questions[i].Question.Choices.Select(c => After(prompts[i], questions[i], c))).ToList(), costs, cancellation);
            var next = 0;
            foreach (var i in asked)
            {
                var question = questions[i].Question;
                if (question.Choices.Count == 0) throw new PbenchException($"probe {question.ProbeId} of user {question.UserId}: a choice without choices");
                answers[i] = Chosen(answers[i], question, [.. scores.Skip(next).Take(question.Choices.Count)]);
                next += question.Choices.Count;
            }
        }
    }

    private static Answer Chosen(Answer answer, Question question, IReadOnlyList<double> scores)
    {
        var best = Best(i => scores[i]);
        return answer with
        {
            Choice = best,
            ChoiceNormalized = Best(i => scores[i] / Math.Max(1, Encoding.UTF8.GetByteCount(question.Choices[i]))),
            Text = question.Scoring == ProbeScoring.Choice ? question.Choices[best] : answer.Text,
        };

        int Best(Func<int, double> by) => Enumerable.Range(0, scores.Count).MaxBy(by);
    }

    /// <summary>Ids of a question's choices where each is one token after the prompt; null where any is not.</summary>
    private int[]? SingleTokens(PromptedQuestion asked, Prompt prompt)
    {
        var choices = asked.Question.Choices.Select(c => After(prompt, asked, c)).ToList();
        return choices.All(c => c.Continuation.Length == 1 && c.Prompt == prompt.Tokens) ? [.. choices.Select(c => c.Continuation[0])] : null;
    }

    /// <summary>A choice after the prompt: what of the two together is no longer the prompt's tokens is the choice.</summary>
    private ScoreRequest After(Prompt prompt, PromptedQuestion asked, string choice)
    {
        var following = Following(asked.Question, choice);
        if (prompt.Text is not null)
        {
            var whole = TextEncoding.Prompt(_tokenizer, prompt.Text + following);
            var shared = prompt.Tokens.AsSpan().CommonPrefixLength(whole);
            if (shared == prompt.Tokens.Length && whole.Length > shared) return new ScoreRequest(prompt.Tokens, whole[shared..], asked.Slot);
            if (shared > 0 && whole.Length > shared) return new ScoreRequest(whole[..shared], whole[shared..], asked.Slot);
        }
        return new ScoreRequest(prompt.Tokens, Continued(following), asked.Slot);
    }

    private static string Following(Question question, string choice) =>
        question.Prompt.Length == 0 || char.IsWhiteSpace(question.Prompt[^1]) || choice.StartsWith(' ') ? choice : " " + choice;

    private void ScoreContinuations(IReadOnlyList<PromptedQuestion> questions, List<Prompt> prompts, Answer[] answers, CostMeter meter, CancellationToken cancellation)
    {
        var asked = Indices(questions, q => q.Scoring == ProbeScoring.BitsPerByte && q.ForcedTokens is null);
        var sums = Sums(asked.Select(i => LikelihoodWindows.Split(prompts[i].Tokens, Continued(TextToScore(questions[i].Question)), ContextLength, questions[i].Slot)), meter, cancellation);
        foreach (var (i, sum) in asked.Zip(sums)) answers[i] = answers[i] with { LogLikelihood = sum };
    }

    /// <summary>The sum over each text's windows.</summary>
    private double[] Sums(IEnumerable<IEnumerable<ScoreRequest>> windowsOfTexts, CostMeter meter, CancellationToken cancellation)
    {
        var windows = windowsOfTexts.SelectMany((w, text) => w.Select(r => (Text: text, Request: r))).ToList();
        var sums = new double[windowsOfTexts.Count()];
        if (windows.Count == 0) return sums;
        var scores = _model.Score(windows.Select(w => w.Request).ToList(), meter, cancellation);
        foreach (var (window, score) in windows.Zip(scores)) sums[window.Text] += score;
        return sums;
    }

    /// <summary>Upper bound on what is generated: 0 where nothing is, and never more than half of the context.</summary>
    private int NewTokens(Question question) => Math.Min(_model.Info.ContextLength / 2, question.Scoring switch
    {
        ProbeScoring.ExactMatch => request.MaxAnswerTokens,
        ProbeScoring.Style => Math.Max(StyleTokens, request.MaxAnswerTokens),
        ProbeScoring.BitsPerByte when question.ForcedTokens is not null => Forced(question).Length,
        _ => 0,
    });

    private int[] Forced(Question question) => [.. Continued(TextToScore(question)).Take(question.ForcedTokens ?? 0)];

    private int[] Continued(string text) => TextEncoding.Continuation(_tokenizer, text);

    private static bool IsStyle(Question question) => question.Scoring == ProbeScoring.Style;

    private static string TextToScore(Question question) =>
        question.Continuation ?? throw new PbenchException($"probe {question.ProbeId} of user {question.UserId}: scored by likelihood, but has no text to score");

    private static List<int> Indices(IReadOnlyList<PromptedQuestion> questions, Func<Question, bool> which) =>
        Enumerable.Range(0, questions.Count).Where(i => which(questions[i].Question)).ToList();
}
