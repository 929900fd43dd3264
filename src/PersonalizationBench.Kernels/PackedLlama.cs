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
    private readonly int _tensors;
    private nint _handle;

    private PackedLlama(nint handle, int tensors) => (_handle, _tensors) = (handle, tensors);

    /// <param name="tensors">of each layer: attention norm [d], query key value [d + 2 kv, d], output [d, d], mlp norm [d], gate up
    /// [2 f, d], down [d, f]; then the final norm [d] and the head [V, d]. Copied.</param>
    /// <returns>null where the processor, the shape, the device or <see cref="TorchExtras.UseFused"/> does not allow it</returns>
    public static PackedLlama? TryPack(LlamaShape shape, IReadOnlyList<Tensor> tensors)
    {
        if (tensors.Count != 6 * shape.Layers + 2)
            throw new ArgumentException($"{tensors.Count} tensors; expected 6 of each layer and 2", nameof(tensors));
        return null;
    }

    /// <summary>Takes over the same tensors' values as they are now.</summary>
    public void Repack(IReadOnlyList<Tensor> tensors)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        ArgumentOutOfRangeException.ThrowIfNotEqual(tensors.Count, _tensors, nameof(tensors));
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
    public (Tensor Total, Tensor Losses) AdapterLoss(
        Tensor embedded, Tensor spans, int groups, Tensor cos, Tensor sin, Tensor targets, Tensor coefficients, double scaling, IReadOnlyList<ProductAdapter> adapters)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        throw new PlatformNotSupportedException();
    }

    /// <summary>Cross-entropy of tokens and its gradients, without a graph.</summary>
    /// <param name="embedding">[V, d], f32: what <paramref name="ids"/> are looked up in</param>
    /// <param name="ids">[N], int64</param>
    /// <param name="tied">the embedding is the head: their gradients are one</param>
    /// <returns>the weighted sum; the loss of each token, [N] f32; the gradient of each packed tensor, f32 of its shape, and last that
    /// of an embedding of its own</returns>
    /// <inheritdoc cref="AdapterLoss"/>
    public (Tensor Total, Tensor Losses, Tensor[] Gradients) WeightLoss(
        Tensor embedding, Tensor ids, Tensor spans, Tensor cos, Tensor sin, Tensor targets, Tensor coefficients, bool tied)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        throw new PlatformNotSupportedException();
    }

    public void Dispose()
    {
        nint handle = Interlocked.Exchange(ref _handle, 0);
        GC.SuppressFinalize(this);
    }

    ~PackedLlama() => Dispose();
}
