using MathNet.Numerics.Statistics;
using PersonalizationBench.Core;

namespace PersonalizationBench.Runner.Execution;

/// <summary>Percentiles in milliseconds; null where nothing was observed.</summary>
public sealed record Percentiles(double? P50, double? P95, double? P99)
{
    /// <summary>Linear between order statistics (type 7 of Hyndman and Fan, 1996).</summary>
    public static Percentiles OfSeconds(IReadOnlyList<double> seconds)
    {
        if (seconds.Count == 0) return new Percentiles(null, null, null);
        double[] sorted = [.. seconds.Order()];
        double At(double share) => 1000 * SortedArrayStatistics.QuantileCustom(sorted, share, QuantileDefinition.R7);
        return new Percentiles(At(0.5), At(0.95), At(0.99));
    }
}

/// <summary>What a user waits for: questions that are answered in words, asked one at a time.</summary>
public static class LatencyPass
{
    /// <summary>Answers up to <paramref name="count"/> of the questions, evenly spread over them, one by one.</summary>
    public static (Percentiles FirstToken, Percentiles PerToken) Measure(IPersonalModels personal, IReadOnlyList<Question> questions, int count, TimeProvider clock, CancellationToken cancellation)
    {
        var spoken = questions.Where(q => q.Scoring is ProbeScoring.ExactMatch or ProbeScoring.Style).ToList();
        var meter = new CostMeter(clock);
        var asked = Math.Min(count, spoken.Count);
        for (var i = 0; i < asked; i++) personal.Answer([spoken[(int)((long)i * spoken.Count / asked)]], meter, cancellation);
        return (Percentiles.OfSeconds(meter.FirstTokenSeconds), Percentiles.OfSeconds(meter.PerTokenSeconds));
    }
}
