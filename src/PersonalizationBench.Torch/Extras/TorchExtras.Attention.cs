using TorchSharp;
using static TorchSharp.torch;
#if !TORCHSHARP
using PersonalizationBench.Torch.Interop;
#endif

namespace PersonalizationBench.Torch;

public static partial class TorchExtras
{
    /// <summary>
    /// Every position attends to itself and those before it. Fused for bf16 on a CPU with AMX and heads of a multiple of 16 up to
    /// 256: no scores are written out, and nothing is computed above the diagonal or beyond a row's length.
    /// </summary>
    /// <param name="query">[B, T, H, d]</param>
    /// <param name="key">[B, T, K, d] with K dividing H; query head h reads key head h / (H / K)</param>
    /// <param name="value">as <paramref name="key"/></param>
    /// <param name="lengths">[B], int64 on the CPU: positions of each row in use, the rest gives zeros; null for all</param>
    /// <returns>[B, T, H * d]</returns>
    public static Tensor CausalAttention(Tensor query, Tensor key, Tensor value, Tensor? lengths = null)
    {
#if !TORCHSHARP
        if (Fused(query))
            unsafe
            {
                long result;
                Bridge.Check(Bridge.pb_attention(query.Handle, key.Handle, value.Handle, lengths?.Handle ?? 0, &result), nameof(CausalAttention));
                GC.KeepAlive((key, value, lengths));
                if (result != 0)
                    return new Tensor((nint)result);
            }
#endif
        using DisposeScope scope = NewDisposeScope();
        (long batch, long length, long heads, long width) = (query.size(0), query.size(1), query.size(2), query.size(3));
        Tensor attended = query.device_type == DeviceType.CPU ? Products(query, key, value) : Library(query, key, value);
        attended = attended.transpose(1, 2).reshape(batch, length, heads * width);
        if (lengths is not null)
        {
            // Later keys are hidden from earlier queries already; only the rows beyond the end are left to clear.
            Tensor places = arange(length, device: query.device).view(1, length, 1);
            attended = attended.masked_fill(places >= lengths.to(query.device).view(batch, 1, 1), 0);
        }
        return scope.MoveToOuter(attended);
    }

    // [B, H, T, d] by libtorch's own attention, which on a GPU writes no scores out.
    internal static Tensor Library(Tensor query, Tensor key, Tensor value)
    {
        long repeats = query.size(2) / key.size(2);
        Tensor k = repeats == 1 ? key : key.repeat_interleave(repeats, 2), v = repeats == 1 ? value : value.repeat_interleave(repeats, 2);
        return nn.functional.scaled_dot_product_attention(query.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_casual: true);
    }

    // The same by two products.
    internal static Tensor Products(Tensor query, Tensor key, Tensor value)
    {
        (long batch, long length, long heads, long width) = (query.size(0), query.size(1), query.size(2), query.size(3));
        long groups = key.size(2), per = heads / groups;
        // The heads that share a key head are further rows of one product: nothing is repeated.
        Tensor q = query.view(batch, length, groups, per, width).permute(0, 2, 3, 1, 4).reshape(batch * groups, per * length, width);
        Tensor k = key.permute(0, 2, 3, 1).reshape(batch * groups, width, length);
        Tensor v = value.transpose(1, 2).reshape(batch * groups, length, width);
        Tensor hidden = ones([length, length], ScalarType.Bool, query.device).triu(1);
        Tensor scores = q.bmm(k).mul(1 / Math.Sqrt(width)).view(batch, heads, length, length);
        Tensor shares = scores.masked_fill(hidden, double.NegativeInfinity).softmax(-1, ScalarType.Float32).to(query.dtype);
        return shares.view(batch * groups, per * length, length).bmm(v).view(batch, heads, length, width);
    }
}
