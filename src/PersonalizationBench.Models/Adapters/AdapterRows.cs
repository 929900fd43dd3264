using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// The adapters of a batch whose rows lie in equal groups, one adapter per group: per layer and projection
/// A <c>[G, r, in]</c> and B <c>[G, out, r]</c>, null where not adapted. A batch of mixed rows has one row per group.
/// </summary>
internal sealed class AdapterRows
{
    private readonly (Tensor A, Tensor B)?[,] _joined;

    public AdapterRows(DecoderConfig config, double scaling, (Tensor A, Tensor B)?[,] pairs)
    {
        var products = config.Products;
        (_joined, Scaling) = (new (Tensor, Tensor)?[config.Layers, products.Count], scaling);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            for (int product = 0, first = 0; product < products.Count; first += products[product++].Count)
            {
                var at = (Layer: layer, First: first);
                _joined[layer, product] = Joined([.. products[product].Select((m, i) => (config.ProjectionShape(m).Output, pairs[at.Layer, at.First + i]))]);
            }
        }
    }

    /// <summary><c>y + s B A x</c>, group by group; y is used up.</summary>
    /// <param name="x">[N, in], rows of a group together.</param>
    /// <param name="y">[N, out], what the base makes of x.</param>
    /// <param name="product">Index into <see cref="DecoderConfig.Products"/>.</param>
    public Tensor Add(Tensor x, Tensor y, int layer, int product) =>
        _joined[layer, product] is var (a, b) ? TorchExtras.LowRankAdd(y, x, a, b, Scaling) : y;

    /// <summary>All that is adapted.</summary>
    public IReadOnlyList<ProductAdapter> Products => [..
        from layer in Enumerable.Range(0, _joined.GetLength(0))
        from product in Enumerable.Range(0, _joined.GetLength(1))
        let joined = _joined[layer, product]
        where joined is not null
        select new ProductAdapter(layer, product, joined.Value.A, joined.Value.B)];

    public double Scaling { get; }

    /// <summary>A of all projections one below the other, and their B as blocks on a diagonal, so that one product of a low rank
    /// serves projections that share their input; null where none is adapted.</summary>
    private static (Tensor A, Tensor B)? Joined(IReadOnlyList<(int Width, (Tensor A, Tensor B)? Pair)> projections)
    {
        if (projections.Count == 1) return projections[0].Pair;
        var (down, up) = (new List<Tensor>(), new List<Tensor>());
        for (var i = 0; i < projections.Count; i++)
        {
            if (projections[i].Pair is not var (a, b)) continue;
            down.Add(a);
            up.Add(nn.functional.pad(b, [0, 0, projections.Take(i).Sum(p => p.Width), projections.Skip(i + 1).Sum(p => p.Width)]));
        }
        return down.Count == 0 ? null : (cat(down, 1), cat(up, 2));
    }
}
