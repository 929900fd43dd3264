using PersonalizationBench.Torch;
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
        (_joined, Scaling) = (new (Tensor, Tensor)?[config.Layers, WeightNames.Products.Count], scaling);
        for (var layer = 0; layer < config.Layers; layer++)
            for (var product = 0; product < WeightNames.Products.Count; product++)
                _joined[layer, product] = Joined(config, layer, WeightNames.Products[product], pairs);
    }

    /// <summary><c>y + s B A x</c>, group by group; y is used up.</summary>
    /// <param name="x">[N, in], rows of a group together.</param>
    /// <param name="y">[N, out], what the base makes of x.</param>
    /// <param name="product">Index into <see cref="WeightNames.Products"/>.</param>
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
    private static (Tensor A, Tensor B)? Joined(DecoderConfig config, int layer, IReadOnlyList<int> projections, (Tensor A, Tensor B)?[,] pairs)
    {
        if (projections.Count == 1) return pairs[layer, projections[0]];
        // A base without a gate has an up projection alone.
        projections = [.. projections.Where(p => config.Projections.Contains(WeightNames.Projections[p]))];
        var widths = projections.Select(p => (long)config.ProjectionShape(WeightNames.Projections[p]).Output).ToList();
        var (down, up) = (new List<Tensor>(), new List<Tensor>());
        for (var i = 0; i < projections.Count; i++)
        {
            if (pairs[layer, projections[i]] is not var (a, b)) continue;
            down.Add(a);
            up.Add(nn.functional.pad(b, [0, 0, widths.Take(i).Sum(), widths.Skip(i + 1).Sum()]));
        }
        return down.Count == 0 ? null : (cat(down, 1), cat(up, 2));
    }
}
