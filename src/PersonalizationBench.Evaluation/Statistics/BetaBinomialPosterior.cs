namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// The share of right answers among users like these, from each user's right answers: p_u ~ Beta(m s, (1 - m) s) with
/// s = 1 / r - 1, k_u ~ Binomial(n_u, p_u), where m is the share and r the correlation of one user's probes (Griffiths,
/// Biometrics 29, 1973). Priors: m ~ Jeffreys' Beta(1/2, 1/2), r ~ Beta(1, 3). The posterior is summed over a grid, so that
/// the same counts always give the same interval; nothing is drawn.
/// </summary>
/// <remarks>
/// Counts may be fractions, as they are where a probe was answered with several seeds. In the likelihood, taken as the chance of
/// the answers one after another (Polya's urn), the last answer then counts as the power of its fraction: one seed in five
/// wrong is a fifth of a mistake.
/// </remarks>
public sealed class BetaBinomialPosterior
{
    private const int CoarseShares = 64, CoarseCorrelations = 24, FineShares = 128, FineCorrelations = 64;

    /// <summary>What lies outside of the part of the grid that is looked at closely: less than this at either end.</summary>
    private const double Negligible = 1e-7;

    private readonly double[] _angles;      // borders of the cells; the share is sin^2, in which Jeffreys' prior is flat
    private readonly double[] _cumulative;  // posterior below each border

    private BetaBinomialPosterior(double[] angles, double[] cumulative, double mean, double deviation) => (_angles, _cumulative, Mean, StandardDeviation) = (angles, cumulative, mean, deviation);

    public double Mean { get; }

    public double StandardDeviation { get; }

    /// <param name="users">Each user's right answers and probes.</param>
    public static BetaBinomialPosterior Of(IReadOnlyList<(double Right, double Probes)> users)
    {
        var counts = new Counts(users);
        // First over the whole range, then closely where the posterior is.
        var (angles, ranks) = (Borders(0, Math.PI / 2, CoarseShares), Borders(0, 1, CoarseCorrelations));
        var coarse = Weights(counts, angles, ranks);
        var (angleFrom, angleTo) = Support(coarse, CoarseShares, CoarseCorrelations, ofRows: true);
        var (rankFrom, rankTo) = Support(coarse, CoarseShares, CoarseCorrelations, ofRows: false);
        angles = Borders(angles[angleFrom], angles[angleTo], FineShares);
        ranks = Borders(ranks[rankFrom], ranks[rankTo], FineCorrelations);
        var fine = Weights(counts, angles, ranks);

        var (cumulative, mean, square) = (new double[FineShares + 1], 0.0, 0.0);
        for (var i = 0; i < FineShares; i++)
        {
            var weight = 0.0;
            for (var j = 0; j < FineCorrelations; j++) weight += fine[(i * FineCorrelations) + j];
            cumulative[i + 1] = cumulative[i] + weight;
            var share = Share((angles[i] + angles[i + 1]) / 2);
            mean += weight * share;
            square += weight * share * share;
        }
        return new BetaBinomialPosterior(angles, cumulative, mean, Math.Sqrt(Math.Max(0, square - (mean * mean))));
    }

    /// <summary>The share below which the posterior has <paramref name="probability"/>.</summary>
    public double Quantile(double probability)
    {
        var above = Array.FindIndex(_cumulative, c => c >= probability);
        if (above <= 0) return Share(_angles[above < 0 ? ^1 : 0]);
        var part = (probability - _cumulative[above - 1]) / (_cumulative[above] - _cumulative[above - 1]);
        return Share(_angles[above - 1] + (part * (_angles[above] - _angles[above - 1])));
    }

    private static double Share(double angle) => Math.Sin(angle) * Math.Sin(angle);

    /// <summary>The quantile of Beta(1, 3): cells of equal width in its rank have equal prior weight.</summary>
    private static double Correlation(double rank) => 1 - Math.Cbrt(1 - rank);

    /// <summary>Posterior weight of every cell, at its middle; they sum to 1.</summary>
    private static double[] Weights(Counts counts, double[] angles, double[] ranks)
    {
        var (rows, columns) = (angles.Length - 1, ranks.Length - 1);
        var logs = new double[rows * columns];
        for (var j = 0; j < columns; j++)
        {
            var size = (1 / Correlation((ranks[j] + ranks[j + 1]) / 2)) - 1;
            var ofAll = Counts.Log(counts.OfAll, size);
            for (var i = 0; i < rows; i++)
            {
                var share = Share((angles[i] + angles[i + 1]) / 2);
                logs[(i * columns) + j] = Counts.Log(counts.OfRight, share * size) + Counts.Log(counts.OfWrong, (1 - share) * size) - ofAll;
            }
        }
        var (most, sum) = (logs.Max(), 0.0);
        for (var i = 0; i < logs.Length; i++) sum += logs[i] = Math.Exp(logs[i] - most);
        for (var i = 0; i < logs.Length; i++) logs[i] /= sum;
        return logs;
    }

    /// <summary>From which border to which all but a negligible part of the posterior lies, and a cell more on either side.</summary>
    private static (int From, int To) Support(double[] weights, int rows, int columns, bool ofRows)
    {
        var marginal = new double[ofRows ? rows : columns];
        for (var i = 0; i < weights.Length; i++) marginal[ofRows ? i / columns : i % columns] += weights[i];
        var from = Array.FindIndex(marginal, w => w > Negligible);
        var to = Array.FindLastIndex(marginal, w => w > Negligible);
        return (Math.Max(0, from - 1), Math.Min(marginal.Length, to + 2));
    }

    private static double[] Borders(double from, double to, int cells) => [.. Enumerable.Range(0, cells + 1).Select(i => from + ((to - from) * i / cells))];

    /// <summary>How many users have an i-th right answer, wrong answer, probe: all that the likelihood needs.</summary>
    private sealed class Counts
    {
        public Counts(IReadOnlyList<(double Right, double Probes)> users)
        {
            OfRight = Urn(users.Select(u => u.Right));
            OfWrong = Urn(users.Select(u => u.Probes - u.Right));
            OfAll = Urn(users.Select(u => u.Probes));
        }

        public double[] OfRight { get; }

        public double[] OfWrong { get; }

        public double[] OfAll { get; }

        /// <summary>Log of the product over users of a (a + 1) (a + 2) ..., a factor for each of a user's answers.</summary>
        public static double Log(double[] urn, double a)
        {
            var sum = 0.0;
            for (var i = 0; i < urn.Length; i++) sum += urn[i] * Math.Log(a + i);
            return sum;
        }

        private static double[] Urn(IEnumerable<double> numbers)
        {
            // What rounding has left of a whole number is no fraction.
            const double Rounding = 1e-9;
            var all = numbers.Select(n => n - Math.Round(n) is var rest && Math.Abs(rest) < Rounding ? Math.Round(n) : n).ToList();
            var urn = new double[(int)Math.Ceiling(all.Max())];
            foreach (var number in all)
            {
                for (var i = 0; i < number; i++) urn[i] += Math.Min(1, number - i);
            }
            return urn;
        }
    }
}
