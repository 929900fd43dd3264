using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// The adapters of a batch whose rows lie in equal groups, one adapter per group: per layer and projection
/// A <c>[G, r, in]</c> and B <c>[G, out, r]</c>, null where not adapted. A batch of mixed rows has one row per group.
/// </summary>
internal sealed class AdapterRows(int groups, double scaling, (Tensor A, Tensor B)?[,] pairs)
{
    /// <summary>Whether any of some projections of a layer is adapted.</summary>
    public bool Adapts(int layer, params ReadOnlySpan<int> projections)
    {
        foreach (var projection in projections)
            if (pairs[layer, projection] is not null) return true;
        return false;
    }

    /// <summary><c>y + s B A x</c>, group by group, in one batched product.</summary>
    /// <param name="x">[N, in], rows of a group together.</param>
    /// <param name="y">[N, out], what the base makes of x.</param>
    public Tensor Add(Tensor x, Tensor y, int layer, int projection)
    {
        if (pairs[layer, projection] is not var (a, b)) return y;
        var low = x.view(groups, -1, x.size(-1)).bmm(a.transpose(1, 2)).mul(scaling);
        return y.add(low.bmm(b.transpose(1, 2)).view(y.shape));
    }
}
