using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>The shape of a Llama: RMSNorm, rotary positions, SwiGLU, grouped-query attention.</summary>
public readonly record struct LlamaShape(int Layers, int Heads, int KeyHeads, int HeadWidth, int Hidden, int Vocabulary, double Epsilon);

/// <summary>One product's low-rank updates, stacked over groups.</summary>
/// <param name="Product">0: query key value, 1: output, 2: gate up, 3: down</param>
/// <param name="A">[G, r, in], bf16</param>
/// <param name="B">[G, out, r], bf16</param>
public readonly record struct ProductAdapter(int Layer, int Product, Tensor A, Tensor B);

/// <summary>
/// A Llama's matrices, packed for a processor's bf16 tiles (AMX) or dot products (AVX512-BF16), and loss and gradients in one call, of
/// adapters on them or of the matrices themselves: a few sequences at a time, so that what they make stays in a core's cache. Where
/// this cannot be had, compose it from operators. Not thread-safe.
/// </summary>
public sealed class PackedLlama : IDisposable
{
    private readonly KernelFunctions _kernels;
    private readonly long[][] _shapes;
    private nint _handle;

    private PackedLlama(KernelFunctions kernels, nint handle, long[][] shapes) => (_kernels, _handle, _shapes) = (kernels, handle, shapes);

    /// <param name="tensors">of each layer: attention norm [d], query key value [d + 2 kv, d], output [d, d], mlp norm [d], gate up
    /// [2 f, d], down [d, f]; then the final norm [d] and the head [V, d]. Copied.</param>
    /// <returns>null where the processor, the shape, the device or <see cref="TorchExtras.UseFused"/> does not allow it</returns>
    public static unsafe PackedLlama? TryPack(LlamaShape shape, IReadOnlyList<Tensor> tensors)
    {
        if (tensors.Count != 6 * shape.Layers + 2)
            throw new ArgumentException($"{tensors.Count} tensors; expected 6 of each layer and 2", nameof(tensors));
        bool fits = shape.HeadWidth % 16 == 0 && shape.HeadWidth <= 256 && shape.Heads % shape.KeyHeads == 0 && shape.Heads * shape.HeadWidth % 32 == 0;
        if (!fits || shape.Layers < 1 || tensors.Any(t => t.device_type != DeviceType.CPU)) return null;
        if (TorchExtras.Chosen(TorchExtras.Operation.PackedLlama, tensors[0]) is not { MultipliesBFloat16: true } kernels) return null;
        long* numbers = stackalloc long[] { shape.Heads, shape.KeyHeads, shape.HeadWidth, shape.Hidden, shape.Vocabulary };
        nint handle;
        kernels.Check(kernels.Llama.New(numbers, shape.Epsilon, &handle), nameof(PackedLlama));
        var packed = new PackedLlama(kernels, handle, [.. tensors.Select(t => t.shape)]);
        packed.Repack(tensors);
        return packed;
    }

    /// <summary>Takes over the same tensors' values as they are now.</summary>
    public unsafe void Repack(IReadOnlyList<Tensor> tensors)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tensors.Count, _shapes.Length, nameof(tensors));
        for (int i = 0; i < _shapes.Length; i++)
            if (!tensors[i].shape.SequenceEqual(_shapes[i])) throw new ArgumentException($"{nameof(PackedLlama)}: tensor {i} was of [{string.Join(", ", _shapes[i])}] and is of [{string.Join(", ", tensors[i].shape)}]", nameof(tensors));
        using DisposeScope scope = NewDisposeScope();
        Tensor[] typed = [.. tensors.Select(t => TorchExtras.Contiguous(t, t.dim() == 2 ? ScalarType.BFloat16 : ScalarType.Float32))];
        TensorView[] views = [.. typed.Select(TensorView.Of)];
        fixed (TensorView* at = views) _kernels.Check(_kernels.Llama.Pack(_handle, at, views.Length), nameof(Repack));
        GC.KeepAlive((typed, this));
    }

    /// <summary>Cross-entropy of tokens that lie in equal groups, an adapter for each; backward reaches the adapters and nothing else.</summary>
    /// <param name="embedded">[N, d], the tokens' embeddings, f32 or bf16; the rows of a group together</param>
    /// <param name="spans">[S, 2], int64: start and count of each sequence, none across groups</param>
    /// <param name="cos">[N, width / 2] in any shape, f32: of each token's position</param>
    /// <param name="sin">as <paramref name="cos"/></param>
    /// <param name="targets">[N], int64; negative: none</param>
    /// <param name="coefficients">[N], f32: each loss's weight in the sum</param>
    /// <param name="scaling">of every update</param>
    /// <returns>the weighted sum, a scalar; the loss of each token, [N] f32, without a gradient</returns>
    public unsafe (Tensor Total, Tensor Losses) AdapterLoss(
        Tensor embedded, Tensor spans, int groups, Tensor cos, Tensor sin, Tensor targets, Tensor coefficients, double scaling, IReadOnlyList<ProductAdapter> adapters)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        using DisposeScope scope = NewDisposeScope();
        bool learns = adapters.Count > 0 && is_grad_enabled();
        Tensor losses = empty([embedded.size(0)], ScalarType.Float32, embedded.device), total = empty([], ScalarType.Float32, embedded.device);
        Tensor[] inputs = Inputs(embedded, spans, cos, sin, targets, coefficients);
        Tensor[] leaves = [.. adapters.SelectMany(a => new[] { a.A, a.B })], flat = [.. leaves.Select(leaf => TorchExtras.Contiguous(leaf))];
        Tensor[] gradients = learns ? [.. flat.Select(leaf => empty_like(leaf))] : [];
        var described = new LlamaKernels.StackedAdapter[adapters.Count];
        for (int i = 0; i < described.Length; i++)
        {
            described[i] = new()
            {
                Layer = adapters[i].Layer,
                Product = adapters[i].Product,
                A = TensorView.Of(flat[2 * i]),
                B = TensorView.Of(flat[2 * i + 1]),
                GradientA = learns ? TensorView.Of(gradients[2 * i]) : TensorView.None,
                GradientB = learns ? TensorView.Of(gradients[2 * i + 1]) : TensorView.None,
            };
        }
        TensorView[] views = [.. inputs.Select(TensorView.Of), TensorView.Of(losses), TensorView.Of(total)];
        fixed (TensorView* at = views)
        fixed (LlamaKernels.StackedAdapter* stacked = described)
            _kernels.Check(_kernels.Llama.Adapters(_handle, at, groups, scaling, stacked, described.Length, learns ? 1 : 0), nameof(AdapterLoss));
        GC.KeepAlive((inputs, flat, gradients, losses, total));
        GC.KeepAlive(this);
        // The gradients come with the loss: the backward pass hands them out.
        if (learns) total = Gradient.Attach(total, leaves, gradients, static (saved, incoming) => [.. saved.Select(gradient => TorchExtras.Scaled(gradient, incoming))]);
        return scope.MoveToOuter(total, losses);
    }

    /// <summary>Cross-entropy of tokens and its gradients, without a graph.</summary>
    /// <param name="embedding">[V, d], f32: what <paramref name="ids"/> are looked up in</param>
    /// <param name="ids">[N], int64</param>
    /// <param name="tied">the embedding is the head: their gradients are one</param>
    /// <returns>the weighted sum; the loss of each token, [N] f32; the gradient of each packed tensor, f32 of its shape, and last that
    /// of an embedding of its own</returns>
    /// <inheritdoc cref="AdapterLoss"/>
    public unsafe (Tensor Total, Tensor Losses, Tensor[] Gradients) WeightLoss(
        Tensor embedding, Tensor ids, Tensor spans, Tensor cos, Tensor sin, Tensor targets, Tensor coefficients, bool tied)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        using IDisposable off = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(embedding.index_select(0, ids), spans, cos, sin, targets, coefficients);
        Tensor losses = empty([ids.numel()], ScalarType.Float32, ids.device), total = empty([], ScalarType.Float32, ids.device), rows = TorchExtras.Contiguous(ids);
        Tensor[] gradients = [.. _shapes.Select(shape => empty(shape, ScalarType.Float32, ids.device)), .. tied ? [] : new[] { empty(embedding.shape, ScalarType.Float32, ids.device) }];
        TensorView[] views = [.. inputs.Select(TensorView.Of), TensorView.Of(losses), TensorView.Of(total), TensorView.Of(rows)];
        TensorView[] places = [.. gradients.Select(TensorView.Of)];
        fixed (TensorView* at = views, to = places) _kernels.Check(_kernels.Llama.Weights(_handle, at, tied ? 1 : 0, to), nameof(WeightLoss));
        GC.KeepAlive((inputs, losses, total, rows, gradients));
        GC.KeepAlive(this);
        foreach (Tensor tensor in (Tensor[])[total, losses, .. gradients]) scope.MoveToOuter(tensor);
        return (total, losses, gradients);
    }

    // What a step reads, without gaps; the caller's scope holds what is converted.
    private static Tensor[] Inputs(Tensor embedded, Tensor spans, Tensor cos, Tensor sin, Tensor targets, Tensor coefficients) =>
    [
        TorchExtras.Contiguous(embedded, ScalarType.Float32), TorchExtras.Contiguous(spans), TorchExtras.Contiguous(cos), TorchExtras.Contiguous(sin),
        TorchExtras.Contiguous(targets), TorchExtras.Contiguous(coefficients),
    ];

    public void Dispose()
    {
        nint handle = Interlocked.Exchange(ref _handle, 0);
        if (handle != 0) Free(handle);
        GC.SuppressFinalize(this);
    }

    private unsafe void Free(nint handle) => _ = _kernels.Llama.Free(handle);

    ~PackedLlama() => Dispose();
}
