using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Benchmarks;

/// <summary>Questions about users' histories, answered with what the prompts begin with read once, and with every prompt read whole.</summary>
public static class PrefixBenchmark
{
    /// <param name="strategy">Whose prompts begin alike: the full history.</param>
    /// <param name="data">All its users are asked all their questions.</param>
    public static PrefixRecord Measure(LoadedBase loaded, IStrategy strategy, Dataset data, int rounds, TimeProvider clock, CancellationToken cancellation)
    {
        var questions = data.Users.SelectMany(u => u.Probes.Select(p => Question.From(u.Id, p, strategy.SeesEvidence))).ToList();
        var recorded = new RecordingBase(loaded);
        var request = new AdaptationRequest(recorded, [.. data.Users.Select(u => u.ToHistory())], data.TuningUsers, data.Format, data.ReplayTexts, AnswerLimit.Tokens(recorded.Tokenizer, data), data.StopTexts, 1);
        using var personal = strategy.Adapt(request, CostMeter.Unread(), cancellation);
        var (shared, whole) = (new List<double>(), new List<double>());
        var (answersDiffer, bitsDiffer) = (0, 0);
        double tokens = 0;
        // The first round warms up; the two take turns, so that whatever else the machine does falls on both.
        for (var round = 0; round <= rounds; round++)
        {
            var together = Timed(true);
            var apart = Timed(false);
            if (round > 0)
            {
                shared.Add(together.Seconds);
                whole.Add(apart.Seconds);
            }
            tokens = together.Answers.Average(a => a.PromptTokens);
            answersDiffer = Math.Max(answersDiffer, together.Answers.Zip(apart.Answers).Count(p => p.First.Text != p.Second.Text || p.First.Choice != p.Second.Choice));
            bitsDiffer = Math.Max(bitsDiffer, together.Numbers.Zip(apart.Numbers).Count(p => BitConverter.DoubleToInt64Bits(p.First) != BitConverter.DoubleToInt64Bits(p.Second)) + Math.Abs(together.Numbers.Count - apart.Numbers.Count));
        }
        return new PrefixRecord
        {
            Base = loaded.Info.Name,
            Precision = loaded.Info.Precision,
            Engine = loaded.Info.Engine,
            Threads = loaded.Info.Threads ?? 0,
            Users = data.Users.Count,
            Questions = questions.Count,
            PromptTokens = tokens,
            SharedSeconds = shared.Median(),
            WholeSeconds = whole.Median(),
            Ratio = shared.Zip(whole, (s, w) => w / s).Median(),
            RatioMin = shared.Zip(whole, (s, w) => w / s).Min(),
            RatioMax = shared.Zip(whole, (s, w) => w / s).Max(),
            AnswersDiffer = answersDiffer,
            BitsDiffer = bitsDiffer,
        };

        (double Seconds, IReadOnlyList<Answer> Answers, IReadOnlyList<double> Numbers) Timed(bool shares)
        {
            loaded.SharesPrefixes = shares;
            recorded.Numbers.Clear();
            var started = clock.GetTimestamp();
            var answers = personal.Answer(questions, CostMeter.Unread(), cancellation);
            return (clock.GetElapsedTime(started).TotalSeconds, answers, [.. recorded.Numbers]);
        }
    }

    /// <summary>Every number that the base gives, in order: tokens, candidates' likelihoods, scores.</summary>
    private sealed class RecordingBase(IBaseModel inner) : IBaseModel
    {
        public List<double> Numbers { get; } = [];

        public BaseInfo Info => inner.Info;

        public ITokenizer Tokenizer => inner.Tokenizer;

        public IReadOnlyList<Generation> Generate(IReadOnlyList<GenerationRequest> requests, CostMeter meter, CancellationToken cancellation)
        {
            var generated = inner.Generate(requests, meter, cancellation);
            foreach (var generation in generated) Numbers.AddRange(generation.Tokens.Select(t => (double)t).Concat(generation.CandidateScores ?? []));
            return generated;
        }

        public IReadOnlyList<double> Score(IReadOnlyList<ScoreRequest> requests, CostMeter meter, CancellationToken cancellation)
        {
            var scores = inner.Score(requests, meter, cancellation);
            Numbers.AddRange(scores);
            return scores;
        }

        /// <summary>The base stays its owner's.</summary>
        public void Dispose()
        {
        }
    }
}
