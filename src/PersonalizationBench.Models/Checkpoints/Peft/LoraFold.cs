using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>Puts an adapter's factors into the weight they belong to, in f64.</summary>
internal static class LoraFold
{
    /// <summary>V = W' + s B A, with DoRA m V / |V| over each output's row; W' is W less what <paramref name="start"/> takes away.</summary>
    /// <param name="values">W, row-major, as it lies in the file; the result lies as it does.</param>
    /// <param name="shape">[out, in]; the other way round in an embedding and where <paramref name="isTransposed"/>.</param>
    public static float[] Apply(float[] values, long[] shape, LoraFactors factors, double scaling, LoraStart start, bool isTransposed)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        var stored = tensor(values).view(shape).to(ScalarType.Float64);
        // An embedding is a product from tokens to channels.
        var turns = factors.IsEmbedding || isTransposed;
        var weight = turns ? stored.t() : stored;
        var a = Matrix(factors.ASingles(), factors.InFeatures);
        var rank = (int)a.size(0);
        var b = Matrix(factors.BSingles(), rank);
        var up = factors.Diagonal is { } diagonal ? b.mul(Matrix(diagonal, rank)) : b;
        var folded = Started(weight, factors.IsEmbedding ? LoraStart.Unchanged : start, rank, scaling).add(up.matmul(a).mul(scaling));
        if (factors.Magnitudes is { } magnitudes) folded = folded.mul(Matrix(magnitudes, 1)).div(folded.square().sum(1, keepdim: true).sqrt());
        return TensorConversion.Singles((turns ? folded.t() : folded).to(ScalarType.Float32).contiguous()).ToArray();
    }

    /// <summary>The base's weight, [out, in], as it was left when the factors began.</summary>
    private static Tensor Started(Tensor weight, LoraStart start, int rank, double scaling)
    {
        if (start == LoraStart.Unchanged) return weight;
        if (start == LoraStart.Olora)
        {
            var (q, r) = linalg.qr(weight);
            return weight.sub(q.narrow(1, 0, rank).matmul(r.narrow(0, 0, rank)).mul(scaling));
        }
        var (u, values, v) = linalg.svd(weight, false);
        // Largest first.
        var first = start == LoraStart.Pissa ? 0 : values.size(0) - rank;
        return weight.sub(u.narrow(1, first, rank).mul(values.narrow(0, first, rank)).matmul(v.narrow(0, first, rank)));
    }

    private static Tensor Matrix(float[] values, int columns) => tensor(values).view(-1, columns).to(ScalarType.Float64);
}
