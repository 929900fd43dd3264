using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>
    /// <c>y + s B A x</c>, group by group: a low-rank update (LoRA, arXiv:2106.09685) of many adapters in two batched products,
    /// written over <paramref name="y"/> where that is faster.
    /// </summary>
    /// <param name="y">[N, out], contiguous, the result of another operation; not to be used afterwards</param>
    /// <param name="x">[N, in], the rows of a group together</param>
    /// <param name="a">[G, r, in] with G dividing N</param>
    /// <param name="b">[G, out, r]</param>
    /// <returns>[N, out]</returns>
    public static Tensor LowRankAdd(Tensor y, Tensor x, Tensor a, Tensor b, double scaling)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor low = x.reshape(a.size(0), -1, a.size(2)).bmm(a.transpose(1, 2)).mul(scaling);
        return scope.MoveToOuter(y.add(low.bmm(b.transpose(1, 2)).view(y.shape)));
    }
}
