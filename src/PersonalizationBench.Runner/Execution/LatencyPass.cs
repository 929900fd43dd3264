using MathNet.Numerics.Statistics;
using PersonalizationBench.Core;
using PersonalizationBench.Evaluation.Statistics;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Times of questions in milliseconds: the median with its interval, and percentiles where there are enough questions
/// for them; null where there are not.</summary>
public sealed record Latency(Interval? P50, double? P95, double? P99)
{
    public static Latency OfSeconds(IReadOnlyList<double> seconds)
    {
        if (seconds.Count == 0) return new Latency(null, null, null);
        double[] sorted = [.. seconds.Select(s => 1000 * s).Order()];
        // Fewer say too little of what one in twenty, or one in a hundred, waits for.
        double? At(double share, int fewest) => sorted.Length < fewest ? null : SortedArrayStatistics.QuantileCustom(sorted, share, QuantileDefinition.R7);
        return new Latency(MedianInterval.Of(sorted), At(0.95, 100), At(0.99, 500));
    }
}

/// <summary>What one arm's questions took, in seconds.</summary>
/// <param name="FirstToken">From a question's arrival to its first token; of a choice, to when it is made.</param>
/// <param name="PerToken">Between two tokens, of each question the mean.</param>
/// <param name="Whole">From a question's arrival to the end of its answer.</param>
public sealed record QuestionTimes(IReadOnlyList<double> FirstToken, IReadOnlyList<double> PerToken, IReadOnlyList<double> Whole)
{
    /// <summary>What ended it before all were asked; null where nothing did.</summary>
    public Exception? Failure { get; init; }

    public RunRecord Fill(RunRecord record)
    {
        var (first, token, whole) = (Latency.OfSeconds(FirstToken), Latency.OfSeconds(PerToken), Latency.OfSeconds(Whole));
        return record with
        {
            LatencyProbes = Whole.Count,
            FirstTokenMsP50 = first.P50?.Estimate,
            FirstTokenMsP50Low = first.P50?.Low,
            FirstTokenMsP50High = first.P50?.High,
            FirstTokenMsP95 = first.P95,
            FirstTokenMsP99 = first.P99,
            PerTokenMsP50 = token.P50?.Estimate,
            PerTokenMsP50Low = token.P50?.Low,
            PerTokenMsP50High = token.P50?.High,
            PerTokenMsP95 = token.P95,
            PerTokenMsP99 = token.P99,
            AnswerMsP50 = whole.P50?.Estimate,
            AnswerMsP50Low = whole.P50?.Low,
            AnswerMsP50High = whole.P50?.High,
        };
    }
}

/// <summary>
/// What a user waits for: questions asked one at a time, search and prompt building included. Arms take turns, a block of one user's
/// questions each, forward and then backward, so that no arm has the machine's best or worst minutes to itself. Before a block its user
/// is asked once without being timed: his adapter is then in its place, as it would be while he goes on asking.
/// </summary>
public static class LatencyPass
{
    /// <summary>Questions of an arm before anything is timed.</summary>
    public const int WarmUps = 5;

    private const int Block = 6;

    /// <param name="arms">Personal models with the questions of their users, all alive at once.</param>
    /// <param name="count">Questions timed of each arm; those there are come again where there are fewer.</param>
    public static IReadOnlyList<QuestionTimes> Measure(IReadOnlyList<(IPersonalModels Models, IReadOnlyList<Question> Questions)> arms, int count, TimeProvider clock, CancellationToken cancellation)
    {
        var turns = arms.Select(a => new Turns(a.Models, [.. a.Questions.GroupBy(q => q.UserId).Select(g => g.ToList())], clock)).ToList();
        foreach (var arm in turns)
        {
            for (var i = 0; i < WarmUps; i++) arm.Ask(i, cancellation);
        }
        for (int round = 0, asked = 0; asked < count; round++, asked += Block)
        {
            foreach (var arm in round % 2 == 0 ? turns : Enumerable.Reverse(turns)) arm.Time(round, Math.Min(Block, count - asked), cancellation);
        }
        return turns.ConvertAll(t => t.Times);
    }

    private sealed class Turns(IPersonalModels models, IReadOnlyList<List<Question>> questionsOfUsers, TimeProvider clock)
    {
        private readonly List<double> _first = [], _token = [], _whole = [];

        private Exception? _failure;

        public QuestionTimes Times => new(_first, _token, _whole) { Failure = _failure };

        public void Ask(int i, CancellationToken cancellation)
        {
            var own = questionsOfUsers[i % questionsOfUsers.Count];
            Answer(own[i / questionsOfUsers.Count % own.Count], CostMeter.Unread(), cancellation);
        }

        public void Time(int round, int count, CancellationToken cancellation)
        {
            var own = questionsOfUsers[round % questionsOfUsers.Count];
            // Each round goes on in a user's questions where the last one with this user stopped.
            var from = round / questionsOfUsers.Count * Block;
            Answer(own[from % own.Count], CostMeter.Unread(), cancellation);
            for (var i = from; i < from + count; i++) Time(own[i % own.Count], cancellation);
        }

        private void Time(Question question, CancellationToken cancellation)
        {
            var (meter, arrived) = (new CostMeter(clock), clock.GetTimestamp());
            meter.Arrive();
            Answer(question, meter, cancellation);
            var whole = clock.GetElapsedTime(arrived).TotalSeconds;
            _whole.Add(whole);
            // Who asks twice, such as one that looks up only what it is not sure of, has answered with the last. A choice is made when all are weighed.
            if (question.Scoring == ProbeScoring.Choice) _first.Add(whole);
            else if (meter.FirstTokenSeconds.Count > 0) _first.Add(meter.FirstTokenSeconds[^1]);
            if (meter.PerTokenSeconds.Count > 0) _token.Add(meter.PerTokenSeconds.Average());
        }

        private void Answer(Question question, CostMeter meter, CancellationToken cancellation)
        {
            if (_failure is not null) return;
            try
            {
                models.Answer([question], meter, cancellation);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                _failure = e;
            }
        }
    }
}
