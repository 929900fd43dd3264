namespace PersonalizationBench.Evaluation.Statistics;

/// <summary>
/// A table whose rows and columns are both samples, such as users and texts, or users and seeds: two-way analysis of variance
/// with one value a cell (Searle, Casella and McCulloch, Variance Components, 1992, section 4.3).
/// </summary>
internal static class CrossedVariance
{
    /// <summary>Variance of the grand mean where rows and columns are both drawn: (MS rows + MS columns - MS rest) / cells, at least
    /// what the larger of the first two says alone.</summary>
    public static double OfMean(double[,] table)
    {
        var (rows, columns, error) = MeanSquares(table);
        return Math.Max(Math.Max(rows, columns), rows + columns - error) / table.Length;
    }

    /// <summary>The part of that variance which columns add to what rows show alone: (MS columns - MS rest) / cells, or 0.</summary>
    public static double AddedByColumns(double[,] table)
    {
        var (_, columns, error) = MeanSquares(table);
        return Math.Max(0, columns - error) / table.Length;
    }

    private static (double Rows, double Columns, double Error) MeanSquares(double[,] table)
    {
        var (n, m) = (table.GetLength(0), table.GetLength(1));
        var (ofRow, ofColumn, all) = (new double[n], new double[m], 0.0);
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < m; j++)
            {
                ofRow[i] += table[i, j] / m;
                ofColumn[j] += table[i, j] / n;
                all += table[i, j] / table.Length;
            }
        }
        var rest = 0.0;
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < m; j++) rest += Math.Pow(table[i, j] - ofRow[i] - ofColumn[j] + all, 2);
        }
        return (
            n < 2 ? 0 : m * ofRow.Sum(v => (v - all) * (v - all)) / (n - 1),
            m < 2 ? 0 : n * ofColumn.Sum(v => (v - all) * (v - all)) / (m - 1),
            n < 2 || m < 2 ? 0 : rest / ((n - 1) * (m - 1.0)));
    }
}
