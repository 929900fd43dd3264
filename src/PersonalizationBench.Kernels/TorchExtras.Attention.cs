using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

public static partial class TorchExtras
{
    /// <summary>
    /// Every position attends to itself and those before it. Fused for bf16 on a CPU with AMX or AVX512-BF16 and heads of a multiple of 16 up to
    /// 256: no scores are written out, and nothing is computed above the diagonal or beyond a row's length.
    /// </summary>
    /// <param name="query">[B, T, H, d]</param>
    /// <param name="key">[B, T, K, d] with K dividing H; query head h reads key head h / (H / K)</param>
    /// <param name="value">as <paramref name="key"/></param>
    /// <param name="lengths">int64 on the CPU: [B], the positions of each row in use, or with B = 1 spans [S, 2], where many sequences
    /// lie one after another: the start and count of each. Positions in no sequence give zeros. Null: all of every row.</param>
    /// <returns>[B, T, H * d]</returns>
    public static Tensor CausalAttention(Tensor query, Tensor key, Tensor value, Tensor? lengths = null)
    {
        CheckAttention(query, key, value, lengths);
        if (Chosen(Operation.Attention, query) is { MultipliesBFloat16: true } kernels && FitsKernel(query, key, value))
        {
            using DisposeScope scope = NewDisposeScope();
            return scope.MoveToOuter(CausalAttention(kernels, query, key, value, lengths));
        }
        // Later keys are hidden from earlier queries already, whatever a row's length.
        return OverSequences([query, key, value], lengths, (rows, _) => Composed(rows[0], rows[1], rows[2]));
    }

    private static void CheckAttention(Tensor query, Tensor key, Tensor value, Tensor? lengths)
    {
        (long[] q, long[] k) = (query.shape, key.shape);
        if (q.Length != 4 || k.Length != 4 || !k.SequenceEqual(value.shape) || k[0] != q[0] || k[1] != q[1] || k[3] != q[3] || k[2] == 0 || q[2] % k[2] != 0)
        {
            throw new ArgumentException(
                $"CausalAttention: query [B, T, H, d] with key and value [B, T, K, d], K dividing H, not {Shape(query)}, {Shape(key)} and {Shape(value)}");
        }
        CheckSequences(nameof(CausalAttention), lengths, q[0], q[1]);
    }

    private static bool FitsKernel(Tensor query, Tensor key, Tensor value) =>
        query.dtype == ScalarType.BFloat16 && key.dtype == ScalarType.BFloat16 && value.dtype == ScalarType.BFloat16 && query.numel() > 0 &&
        query.size(3) % 16 == 0 && query.size(3) <= 256 && query.size(1) <= 16384;

    // Called within a scope.
    private static unsafe Tensor CausalAttention(KernelFunctions kernels, Tensor query, Tensor key, Tensor value, Tensor? lengths)
    {
        Tensor q = RowsWithoutGaps(query), k = RowsWithoutGaps(key), v = RowsWithoutGaps(value);
        Tensor? counts = lengths is null ? null : Contiguous(lengths);
        (long batch, long length, long heads) = (q.size(0), q.size(1), q.size(2));
        Tensor result = empty([batch, length, heads * q.size(3)], q.dtype, q.device), normals = empty([batch, heads, length], ScalarType.Float32, q.device);
        TensorView queries = TensorView.Of(q), keys = TensorView.Of(k), values = TensorView.Of(v), used = TensorView.Of(counts);
        TensorView to = TensorView.Of(result), sums = TensorView.Of(normals);
        kernels.Check(kernels.Attention.Forward(&queries, &keys, &values, &used, &to, &sums), nameof(CausalAttention));
        GC.KeepAlive((q, k, v, counts, result, normals));
        if (!Gradient.Wanted(query, key, value)) return result;
        // The result is kept detached: a node that held its own output would never go.
        Tensor[] saved = counts is null ? [q, k, v, normals, result.detach()] : [q, k, v, normals, result.detach(), counts];
        return Gradient.Attach(result, [query, key, value], saved, (saved, gradient) =>
        {
            Tensor g = Contiguous(gradient);
            Tensor[] found = [.. saved[..3].Select(x => empty(x.shape, x.dtype, x.device))];
            Span<TensorView> views =
            [
                TensorView.Of(saved[0]), TensorView.Of(saved[1]), TensorView.Of(saved[2]), TensorView.Of(saved.ElementAtOrDefault(5)), TensorView.Of(saved[4]),
                TensorView.Of(saved[3]), TensorView.Of(g), TensorView.Of(found[0]), TensorView.Of(found[1]), TensorView.Of(found[2]),
            ];
            fixed (TensorView* at = views) kernels.Check(kernels.Attention.Backward(at), nameof(CausalAttention));
            GC.KeepAlive((saved, g, found));
            return found;
        });
    }

    private static Tensor RowsWithoutGaps(Tensor x) => TensorView.Of(x).RowsWithoutGaps ? x : Contiguous(x);

    // [B, T, H * d]
    private static Tensor Composed(Tensor query, Tensor key, Tensor value)
    {
        Tensor attended = query.device_type == DeviceType.CPU ? Products(query, key, value) : Library(query, key, value);
        return attended.transpose(1, 2).reshape(query.size(0), query.size(1), query.size(2) * query.size(3));
    }

    // [B, H, T, d] by libtorch's own attention, which on a GPU writes no scores out.
    internal static Tensor Library(Tensor query, Tensor key, Tensor value)
    {
        Tensor k = Repeated(key, query.size(2)), v = Repeated(value, query.size(2));
        return nn.functional.scaled_dot_product_attention(query.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_casual: true);
    }

    /// <summary>Bytes of scores that are written out at a time where no gradient wants them all.</summary>
    private const long ScoreBytes = 64L << 20;

    // The same by two products.
    internal static Tensor Products(Tensor query, Tensor key, Tensor value)
    {
        (long length, double scale) = (query.size(1), 1 / Math.Sqrt(query.size(3)));
        Tensor q = query.transpose(1, 2), k = Repeated(key, query.size(2)).transpose(1, 2), v = Repeated(value, query.size(2)).transpose(1, 2);
        long part = is_grad_enabled() ? length : Math.Max(1, ScoreBytes / (query.ElementSize * q.size(0) * q.size(1) * Math.Max(1, length)));
        if (part >= length) return Attended(q, k, v, scale);
        List<Tensor> parts = [];
        for (long start = 0; start < length; start += part)
        {
            using DisposeScope scope = NewDisposeScope();
            long count = Math.Min(part, length - start);
            parts.Add(scope.MoveToOuter(Attended(q.narrow(2, start, count), k.narrow(2, 0, start + count), v.narrow(2, 0, start + count), scale)));
        }
        return cat(parts, 2);
    }

    // The last queries of so many keys.
    private static Tensor Attended(Tensor q, Tensor k, Tensor v, double scale)
    {
        (long queries, long keys) = (q.size(2), k.size(2));
        Tensor mask = full([queries, keys], float.NegativeInfinity, q.dtype, q.device).triu_(keys - queries + 1);
        // Added in place: the product's backward pass does not need what it made. Softmax sums in f32 in either type.
        return q.mul(scale).matmul(k.transpose(-2, -1)).add_(mask).softmax(-1).matmul(v);
    }

    private static Tensor Repeated(Tensor x, long heads) => x.size(2) == heads ? x : x.repeat_interleave(heads / x.size(2), 2);
}
