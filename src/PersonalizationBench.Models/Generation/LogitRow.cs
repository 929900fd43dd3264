using System.Numerics;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>What is read off the logits of one position.</summary>
internal static class LogitRow
{
    /// <summary>The first of the largest.</summary>
    public static int Largest(ReadOnlySpan<float> logits) => logits.IndexOf(Top(logits));

    /// <summary>Natural-log probabilities of some ids.</summary>
    public static double[] LogProbabilities(ReadOnlySpan<float> logits, IReadOnlyList<int> ids)
    {
        var top = Top(logits);
        var (sum, i) = (0.0, 0);
        // Each vector's sum in f64: a vocabulary is long.
        for (; i + Vector<float>.Count <= logits.Length; i += Vector<float>.Count) sum += Vector.Sum(Vector.Exp(new Vector<float>(logits[i..]) - new Vector<float>(top)));
        for (; i < logits.Length; i++) sum += Math.Exp(logits[i] - top);
        var total = Math.Log(sum);
        var result = new double[ids.Count];
        for (var k = 0; k < result.Length; k++) result[k] = logits[ids[k]] - (double)top - total;
        return result;
    }

    /// <summary>The likeliest ids, likeliest first (of equals the smaller id), with their probabilities among all.</summary>
    public static TokenDistribution Likeliest(ReadOnlySpan<float> logits, int count)
    {
        var ids = new int[logits.Length];
        for (var i = 0; i < ids.Length; i++) ids[i] = i;
        // Largest first; a sort by key is not stable, so the id breaks ties.
        var values = logits.ToArray();
        Array.Sort(ids, (a, b) => values[a] != values[b] ? values[b].CompareTo(values[a]) : a.CompareTo(b));
        var taken = ids[..Math.Min(count, ids.Length)];
        return new TokenDistribution(taken, [.. LogProbabilities(logits, taken).Select(p => (float)Math.Exp(p))]);
    }

    private static float Top(ReadOnlySpan<float> logits)
    {
        var (top, i) = (logits[0], 0);
        if (logits.Length >= Vector<float>.Count)
        {
            var tops = new Vector<float>(logits);
            for (; i + Vector<float>.Count <= logits.Length; i += Vector<float>.Count) tops = Vector.Max(tops, new Vector<float>(logits[i..]));
            for (var lane = 0; lane < Vector<float>.Count; lane++) top = Math.Max(top, tops[lane]);
        }
        for (; i < logits.Length; i++) top = Math.Max(top, logits[i]);
        return top;
    }
}
