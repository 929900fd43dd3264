using System.Runtime.InteropServices;
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
        if (x.dim() != 2 || y.dim() != 2 || a.dim() != 3 || b.dim() != 3 || x.size(0) != y.size(0) || a.size(0) != b.size(0) || a.size(0) == 0 ||
            x.size(0) % a.size(0) != 0 || a.size(2) != x.size(1) || b.size(1) != y.size(1) || b.size(2) != a.size(1))
        {
            throw new ArgumentException(
                $"LowRankAdd: y [N, out], x [N, in], A [G, r, in] and B [G, out, r] with G dividing N, not {Shape(y)}, {Shape(x)}, {Shape(a)} and {Shape(b)}");
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor low = x.reshape(a.size(0), -1, a.size(2)).bmm(a.transpose(1, 2));
        Tensor up = b.transpose(1, 2), rows = y.view(a.size(0), -1, b.size(1));
        nint sum = THSTensor_baddbmm(low.Handle, up.Handle, rows.Handle, 1, (float)scaling);
        CheckForErrors();
        GC.KeepAlive((low, up, rows));
        return scope.MoveToOuter(Tensor.UnsafeCreateTensor(sum).view(y.shape));
    }

    // TorchSharp's own method (0.107.0) hands the sum over as the first factor: THSTensor.cpp has it last.
    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_baddbmm(nint batch1, nint batch2, nint sum, float beta, float alpha);
}
