using MathNet.Numerics.LinearAlgebra;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>How far one module's update s B A is from another's, in Frobenius norms.</summary>
public sealed record ModuleDistance(string Module, double Before, double After, double Moved);

/// <summary>Compares adapters by what they do to the weights, whatever factors they write it with.</summary>
public static class AdapterDistance
{
    public static IEnumerable<ModuleDistance> Of(PeftAdapter before, PeftAdapter after)
    {
        var (a, b) = (before.Modules.ToDictionary(m => m.Module), after.Modules.ToDictionary(m => m.Module));
        foreach (var module in a.Keys.Union(b.Keys).Order(StringComparer.Ordinal))
        {
            var (x, y) = (Factors(before, a.GetValueOrDefault(module)), Factors(after, b.GetValueOrDefault(module)));
            var (xx, yy, xy) = (Product(x, x), Product(y, y), Product(x, y));
            yield return new ModuleDistance(module, Math.Sqrt(xx), Math.Sqrt(yy), Math.Sqrt(Math.Max(0, xx + yy - 2 * xy)));
        }
    }

    private static (Matrix<double> A, Matrix<double> B)? Factors(PeftAdapter adapter, LoraFactors? factors)
    {
        if (factors is null) return null;
        var (rank, scaling) = (adapter.Config.RankOf(factors.Module), adapter.Config.ScalingOf(factors.Module));
        return (Rows(factors.ASingles(), rank), Rows(factors.BSingles(), (int)factors.OutFeatures) * scaling);
    }

    private static Matrix<double> Rows(float[] values, int rows) => Matrix<double>.Build.DenseOfRowMajor(rows, values.Length / rows, values.Select(v => (double)v));

    /// <summary>The sum over all entries of B A times B' A': tr(A^T B^T B' A') = tr((B^T B') (A' A^T)), of matrices no larger than the ranks.</summary>
    private static double Product((Matrix<double> A, Matrix<double> B)? x, (Matrix<double> A, Matrix<double> B)? y) =>
        x is not { } p || y is not { } q ? 0 : (p.B.TransposeThisAndMultiply(q.B) * q.A.TransposeAndMultiply(p.A)).Trace();
}
