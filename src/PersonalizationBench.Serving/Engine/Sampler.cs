using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>How a token is chosen.</summary>
/// <param name="Temperature">0: the likeliest.</param>
/// <param name="TopP">The smallest set of likeliest tokens that together have this probability (Holtzman et al., 2020, arXiv:1904.09751).</param>
/// <param name="Seed">Of this request's own random numbers.</param>
/// <param name="LogProbabilities">Each token's own is wanted: an exponential of every logit.</param>
public sealed record Sampling(double Temperature = 0, double TopP = 1, long Seed = 0, bool LogProbabilities = false);

/// <summary>Chooses one request's tokens.</summary>
internal sealed class Sampler(Sampling sampling)
{
    private readonly DeterministicRandom _random = new(sampling.Seed);

    /// <returns>The token and, where wanted, its log-probability at temperature 1; -1 where a logit is not a number.</returns>
    public (int Token, float LogProbability) Choose(ReadOnlySpan<float> logits)
    {
        var best = 0;
        foreach (var logit in logits)
            if (float.IsNaN(logit)) return (-1, float.NaN);
        for (var i = 1; i < logits.Length; i++)
            if (logits[i] > logits[best]) best = i;
        var token = sampling.Temperature > 0 ? Draw(logits, logits[best]) : best;
        if (!sampling.LogProbabilities) return (token, float.NaN);
        var sum = 0.0;
        foreach (var logit in logits) sum += Math.Exp(logit - logits[best]);
        return (token, (float)(logits[token] - logits[best] - Math.Log(sum)));
    }

    private int Draw(ReadOnlySpan<float> logits, float top)
    {
        var weights = new double[logits.Length];
        var order = new int[logits.Length];
        for (var i = 0; i < logits.Length; i++) (weights[i], order[i]) = (Math.Exp((logits[i] - top) / sampling.Temperature), i);
        var total = weights.Sum();
        if (sampling.TopP < 1)
        {
            Array.Sort(order, (a, b) => weights[b] != weights[a] ? weights[b].CompareTo(weights[a]) : a.CompareTo(b));
            var (kept, mass) = (0, 0.0);
            while (kept < order.Length && mass < sampling.TopP * total) mass += weights[order[kept++]];
            (order, total) = (order[..Math.Max(1, kept)], kept == 0 ? weights[order[0]] : mass);
        }
        var left = _random.NextDouble() * total;
        foreach (var token in order)
        {
            left -= weights[token];
            if (left <= 0) return token;
        }
        return order[^1];
    }
}
