using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>An answer that the base gave, and what it read.</summary>
/// <param name="Prompt">Tokens of documents and question.</param>
internal sealed record Taught(StudyPair Pair, int[] Prompt);

/// <summary>The base as its own teacher: with a user's documents in its prompt it answers what is then learned without them.</summary>
internal sealed class Teacher(AdaptationRequest request, StudyMaterial material)
{
    private readonly ITokenizer _tokenizer = request.Base.Tokenizer;
    private readonly PromptBuilder _prompts = new(request.Base.Tokenizer, request.Format);
    private readonly AnswerEnds _ends = new(request);
    private readonly int _newTokens = Math.Min(request.Base.Info.ContextLength / 2, request.MaxAnswerTokens);

    /// <summary>One reading of a question: what stood in the prompt and what was said.</summary>
    private sealed record Reading(int Question, int[] Prompt, int[] Answer, string Text)
    {
        /// <summary>Natural-log likelihood of the answer, per token; larger is more confident.</summary>
        public double Confidence { get; init; }
    }

    /// <summary>The base's answers, in the order of the questions; a question that it answers with nothing is left out.</summary>
    /// <param name="asked">Users by their place in the request, and what they are asked.</param>
    public IReadOnlyList<Taught> Answer(IReadOnlyList<(int User, StudyQuestion Question)> asked, CostMeter meter, CancellationToken cancellation)
    {
        if (asked.Count == 0) return [];
        var started = meter.Clock.GetTimestamp();
        var prompts = Prompts(asked, cancellation);
        var generated = request.Base.Generate(prompts.ConvertAll(p => new GenerationRequest(p.Tokens, _newTokens) { StopIds = _ends.StopIds }), meter, cancellation);
        var readings = prompts.Zip(generated, (p, g) => new Reading(p.Question, p.Tokens, g.Tokens, _ends.Cut(_tokenizer.Decode(g.Tokens)).Trim())).Where(r => r.Text.Length > 0).ToList();
        var tokens = OnceRead(prompts.Select(p => p.Tokens)) + generated.Sum(g => (long)g.Tokens.Length);
        if (material.Reads == TeacherReads.Document)
        {
            readings = Weighed(readings, meter, cancellation);
            tokens += OnceRead(readings.Select(r => (int[])[.. r.Prompt, .. r.Answer]));
        }
        meter.AddTeaching(tokens, meter.Clock.GetElapsedTime(started));
        return [.. readings.GroupBy(r => r.Question).Select(Best).OrderBy(r => r.Question)
            .Select(r => new Taught(new StudyPair(request.Histories[asked[r.Question].User].Id, asked[r.Question].Question.Topic, asked[r.Question].Question.Prompt, r.Text), r.Prompt))];
    }

    /// <summary>For each text that follows its prompt, what the base holds likely at every token of it; the probabilities of each add up to 1.</summary>
    public IReadOnlyList<IReadOnlyList<TokenDistribution>> Distributions(IReadOnlyList<(int[] Prompt, string Text)> answers, CostMeter meter, CancellationToken cancellation)
    {
        if (answers.Count == 0) return [];
        var started = meter.Clock.GetTimestamp();
        var requests = answers.Select(a => new ScoreRequest(a.Prompt, TextEncoding.Continuation(_tokenizer, a.Text))).ToList();
        var likeliest = HistoryTexts.Trainable(request).Likeliest(requests, material.TopK, meter, cancellation);
        meter.AddTeaching(OnceRead(requests.Select(r => (int[])[.. r.Prompt, .. r.Continuation])), meter.Clock.GetElapsedTime(started));
        return [.. likeliest.Select(places => (IReadOnlyList<TokenDistribution>)[.. places.Select(Whole)])];
    }

    private static TokenDistribution Whole(TokenDistribution likeliest)
    {
        var sum = likeliest.Probabilities.Sum();
        return likeliest with { Probabilities = [.. likeliest.Probabilities.Select(p => p / sum)] };
    }

    private List<(int Question, int[] Tokens)> Prompts(IReadOnlyList<(int User, StudyQuestion Question)> asked, CancellationToken cancellation)
    {
        using var retrieval = material.Reads == TeacherReads.Retrieved ? new Retrieval(request.Histories, material.K, cancellation) : null;
        return [.. asked.SelectMany((a, i) => Contexts(a, retrieval)
            .Select(wanted => (i, _prompts.Build(request.Histories[a.User].Documents, wanted, a.Question.Prompt, request.Base.Info.ContextLength - _newTokens).Tokens)))];
    }

    /// <summary>Positions of the documents of each prompt that a question is asked with, most wanted first.</summary>
    private IEnumerable<IReadOnlyList<int>> Contexts((int User, StudyQuestion Question) asked, Retrieval? retrieval)
    {
        var history = request.Histories[asked.User];
        return material.Reads switch
        {
            TeacherReads.Retrieved => [retrieval!.Select(asked.User, new Question(history.Id, "", "study", asked.Question.Topic, ProbeScoring.ExactMatch, asked.Question.Prompt))],
            TeacherReads.Document => InContext.Newest(history.Documents.Count).Select(d => (IReadOnlyList<int>)[d]),
            _ => [InContext.Newest(history.Documents.Count)],
        };
    }

    private List<Reading> Weighed(List<Reading> readings, CostMeter meter, CancellationToken cancellation)
    {
        var scores = request.Base.Score(readings.ConvertAll(r => new ScoreRequest(r.Prompt, r.Answer)), meter, cancellation);
        return [.. readings.Zip(scores, (r, score) => r with { Confidence = score / r.Answer.Length })];
    }

    /// <summary>Most documents do not tell what is asked, and say so with confidence: what one of them tells goes before. Of equals the
    /// first, which is the newest.</summary>
    private Reading Best(IEnumerable<Reading> readings) => readings.OrderBy(r => AnswerText.IsUnknown(r.Text, request)).ThenByDescending(r => r.Confidence).First();

    /// <summary>Tokens of all sequences, of which what several begin with counts once.</summary>
    internal static long OnceRead(IEnumerable<int[]> sequences)
    {
        var ordered = sequences.ToList();
        ordered.Sort((a, b) => a.AsSpan().SequenceCompareTo(b));
        return ordered.Select((s, i) => (long)s.Length - (i == 0 ? 0 : s.AsSpan().CommonPrefixLength(ordered[i - 1]))).Sum();
    }
}
