using System.Numerics;
using MathNet.Numerics.Distributions;
using PersonalizationBench.Core;

namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// Tests of paired differences by flipping signs. Were two strategies alike, each user's difference might as well have had the other
/// sign. A pattern of signs is applied to a whole user, all comparisons of a family at once, so that what they share is kept; a
/// comparison's p is how often the largest statistic of the family comes out as far as its own did: single-step max-T (Westfall and Young,
/// Resampling-Based Multiple Testing, 1993). The chance of any false finding in a family is then at most the level asked for.
/// </summary>
/// <remarks>
/// The statistic is Student's t of users' differences. The sum of their squares does not change with signs, and t only rises with
/// |sum| / sqrt(sum of squares), so that is what is compared: about normal for one comparison, and never without a value.
/// </remarks>
public static class SignFlips
{
    /// <summary>So many patterns at most: all of them where there are no more (up to 15 users that differ, as a pattern and its
    /// mirror image are as far out), else so many drawn.</summary>
    public const int MostPatterns = 1 << 14;

    /// <summary>Two-sided p of one comparison: the share of patterns that come out as far from zero.</summary>
    /// <param name="differences">One for each user.</param>
    public static double PValue(IReadOnlyList<double> differences, long seed = 1) => Adjust([differences], seed).PValues[0];

    /// <summary>The p of every comparison, corrected for all of them.</summary>
    /// <param name="family">A list of differences per comparison, [comparison][user]: the same users in the same order, 0 where one has none.</param>
    /// <param name="seed">Of the patterns, where they are drawn; drawn ones count the one observed among them (Phipson and Smyth,
    /// Statistical Applications in Genetics and Molecular Biology 9(1), 2010).</param>
    public static FamilyTest Adjust(IReadOnlyList<IReadOnlyList<double>> family, long seed = 1)
    {
        if (family.Count == 0) throw new ArgumentException("expected at least one comparison", nameof(family));
        // A user without any difference has no sign to flip.
        var users = Enumerable.Range(0, family[0].Count).Where(u => family.Any(c => c[u] != 0)).ToArray();
        var scaled = family.Select(c => Scaled(c, users)).ToArray();
        var observed = scaled.Select(c => Math.Abs(c.Sum())).ToArray();
        var isExact = users.Length <= BitOperations.Log2(MostPatterns) + 1;
        var patterns = isExact ? 1 << Math.Max(0, users.Length - 1) : MostPatterns;
        var random = DeterministicRandom.For(seed, "sign flips");
        var (largest, signs) = (new double[patterns], new double[users.Length]);
        for (var pattern = 0; pattern < patterns; pattern++)
        {
            for (var u = 0; u < signs.Length; u++)
            {
                // Of each pattern and its mirror image one is looked at: the last user's sign stays.
                signs[u] = isExact ? (pattern >> u & 1) == 0 ? 1 : -1 : (random.NextUInt64() & 1) == 0 ? 1 : -1;
            }
            foreach (var comparison in scaled) largest[pattern] = Math.Max(largest[pattern], Math.Abs(Dot(signs, comparison)));
        }
        Array.Sort(largest);
        return new FamilyTest([.. observed.Select(o => isExact ? AtLeast(largest, o) / (double)patterns : (AtLeast(largest, o) + 1) / (patterns + 1.0))], largest);
    }

    private static double[] Scaled(IReadOnlyList<double> differences, int[] users)
    {
        var size = Math.Sqrt(users.Sum(u => differences[u] * differences[u]));
        return [.. users.Select(u => size == 0 ? 0 : differences[u] / size)];
    }

    /// <summary>By vectors: a family of hundreds of comparisons takes some hundred million products.</summary>
    private static double Dot(double[] a, double[] b)
    {
        var (whole, sums) = (a.Length - (a.Length % Vector<double>.Count), Vector<double>.Zero);
        for (var i = 0; i < whole; i += Vector<double>.Count) sums += new Vector<double>(a, i) * new Vector<double>(b, i);
        var sum = Vector.Sum(sums);
        for (var i = whole; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    private static int AtLeast(double[] sorted, double observed)
    {
        // Sums in another order differ by rounding.
        const double Rounding = 1e-9;
        var from = Array.BinarySearch(sorted, observed - Rounding);
        from = from < 0 ? ~from : from;
        while (from > 0 && sorted[from - 1] >= observed - Rounding) from--;
        return sorted.Length - from;
    }
}

/// <summary>What a family of comparisons came to.</summary>
/// <param name="PValues">Of each comparison, corrected for the family.</param>
/// <param name="Largest">The largest statistic of each pattern, rising.</param>
public sealed record FamilyTest(IReadOnlyList<double> PValues, IReadOnlyList<double> Largest)
{
    /// <summary>How many standard errors a difference must have to be found at a level: 1.96 for a single comparison of many users, more for few (as
    /// Student's t), infinite where no data of so few users could reach it.</summary>
    /// <param name="users">How many could have differed. Where so few did that their patterns have no such quantile, it is Bonferroni's.</param>
    public double Critical(double alpha, int users)
    {
        if (2 * Math.Pow(0.5, users) > alpha) return double.PositiveInfinity;
        var outermost = Largest.Count(l => l >= Largest[^1] - 1e-9) / (double)Largest.Count;
        var quantile = outermost > alpha
            ? Normal.InvCDF(0, 1, 1 - (alpha / (2 * PValues.Count)))
            : Math.Max(Normal.InvCDF(0, 1, 1 - (alpha / 2)), Largest[Math.Min(Largest.Count - 1, (int)Math.Ceiling((1 - alpha) * Largest.Count))]);
        // From |sum| / sqrt(sum of squares), which is at most the root of the number of users, to t.
        var t = quantile * quantile < users ? quantile * Math.Sqrt((users - 1) / (users - (quantile * quantile))) : double.PositiveInfinity;
        // Users who all agree are found whatever their t: how far each must lie from zero for that to happen four times in five.
        var unanimous = (Math.Sqrt(users) * Normal.InvCDF(0, 1, Math.Pow(PairedComparison.Power, 1.0 / users))) - Normal.InvCDF(0, 1, PairedComparison.Power);
        return Math.Min(t, unanimous);
    }
}
