using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels;

/// <summary>A projection that adapters may change.</summary>
/// <param name="Product">0: query key value, 1: output, 2: gate up, 3: down</param>
/// <param name="Offset">first row of the product that the projection is</param>
/// <param name="Width">its rows</param>
/// <param name="Input">its columns</param>
public readonly record struct ServingSite(int Layer, int Product, int Offset, int Width, int Input);

/// <summary>Rows of one step; those of one sequence in the order of their positions. What is not said here has one entry per row.</summary>
public readonly ref struct ServingRows
{
    public required ReadOnlySpan<int> Ids { get; init; }

    /// <summary>Of each row in its sequence; the keys and values of all earlier ones are there, or come earlier in this step.</summary>
    public required ReadOnlySpan<int> Positions { get; init; }

    /// <summary>Each row's line of <see cref="Tables"/>.</summary>
    public required ReadOnlySpan<int> Sequences { get; init; }

    /// <summary>Each row's adapter; -1: the base.</summary>
    public required ReadOnlySpan<int> Slots { get; init; }

    /// <summary>Lines of <see cref="TableWidth"/> pages: those of a sequence's positions, sixteen a page.</summary>
    public required ReadOnlySpan<int> Tables { get; init; }

    public required int TableWidth { get; init; }

    /// <summary>The slots' memory, one after another.</summary>
    public required nint Adapters { get; init; }

    /// <summary>Elements of a slot.</summary>
    public required long SlotElements { get; init; }

    /// <summary>[slots, sites]; 0: the site is as in the base.</summary>
    public required ReadOnlySpan<int> Ranks { get; init; }

    /// <summary>[slots, sites, 2]: elements from a slot's start to A and to B. Where products are f32 these are [r, in] and [r, width].
    /// Else they are tiles, r rounded up by <see cref="ServingLlama.PaddedRank"/>, in to 32 and width to 16, with zeros:
    /// A [r / n, in / 32, 16, n, 2] with n = min(r, 16), the last index the parity of the input; B [width / 16, r / 2, 16, 2], the
    /// last index the parity of the rank.</summary>
    public required ReadOnlySpan<long> Places { get; init; }

    /// <summary>[slots, sites]: alpha / r, or what stands for it.</summary>
    public required ReadOnlySpan<float> Scales { get; init; }

    /// <summary>Rows whose logits are wanted.</summary>
    public required ReadOnlySpan<int> Wanted { get; init; }

    /// <summary>[wanted, vocabulary], written.</summary>
    public required Span<float> Logits { get; init; }
}

/// <summary>
/// A frozen Llama that takes steps over rows of many sequences, prompts and single tokens mixed, each row with an adapter of its own and
/// its keys and values in pages. A row's logits are bit for bit the same whatever rows are beside it and however its prompt was cut
/// into steps. One thread at a time.
/// </summary>
public sealed class ServingLlama : IDisposable
{
    /// <summary>Positions of a page.</summary>
    public const int PageTokens = 16;

    /// <summary>The highest rank of an adapter.</summary>
    public const int MaxRank = 256;

    /// <summary>What a rank is rounded up to where products are bf16: to 16 to an even number, above to whole tiles of 32.</summary>
    public static int PaddedRank(int rank) => rank <= 16 ? (rank + 1) / 2 * 2 : (rank + 31) / 32 * 32;

    private readonly LlamaShape _shape;
    private readonly int _pages, _sites;
    private IServingStep? _step;

    private ServingLlama(IServingStep step, LlamaShape shape, int pages, int sites) => (_step, _shape, _pages, _sites) = (step, shape, pages, sites);

    /// <summary>Whether kernels take the steps, with products in f32 or in bf16, where the shape allows it; else managed code does, in f32.</summary>
    public static bool HasKernel(bool bfloat16) => KernelLibrary.Level >= (bfloat16 ? KernelLevel.Avx512Bf16 : KernelLevel.Avx2);

    /// <param name="tensors">the embedding [V, d]; of each layer attention norm [d], query key value [d + 2 kv, d], output [d, d], mlp norm
    /// [d], gate up [2 f, d], down [d, f]; the final norm [d], the head [V, d]; cosine and sine [context, width / 2], f32. Copied.</param>
    /// <param name="pages">of keys and values, all reserved at once; those never written to take no memory</param>
    /// <param name="bfloat16">products in bf16 on tiles (AMX) or dot products (AVX512-BF16), sums in f32; else all in f32</param>
    /// <returns>null where the kernels, the shape or the device does not allow it</returns>
    public static ServingLlama? TryCreate(LlamaShape shape, IReadOnlyList<Tensor> tensors, int pages, bool bfloat16, IReadOnlyList<ServingSite> sites)
    {
        if (tensors.Count != 6 * shape.Layers + 5)
            throw new ArgumentException($"{tensors.Count} tensors; expected 6 of each layer and 5", nameof(tensors));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        if (tensors.Any(t => t.device_type != DeviceType.CPU))
            return null;
        IServingStep? step = HasKernel(bfloat16) ? NativeServing.TryCreate(KernelLibrary.Current!, shape, tensors, pages, bfloat16, sites)
            : bfloat16 ? null
            : new ManagedServing(shape, tensors, pages, sites);
        return step is null ? null : new ServingLlama(step, shape, pages, sites.Count);
    }

    /// <summary>Writes the rows' keys and values into their pages and the wanted rows' logits.</summary>
    public void Step(in ServingRows rows)
    {
        IServingStep? step = _step;
        ObjectDisposedException.ThrowIf(step is null, this);
        Check(rows);
        if (!rows.Ids.IsEmpty)
            step.Step(rows);
        GC.KeepAlive(this);
    }

    // What the native side would read beyond its arrays, or write into a page of somebody else's.
    private void Check(in ServingRows rows)
    {
        int count = rows.Ids.Length;
        if (rows.Positions.Length != count || rows.Sequences.Length != count || rows.Slots.Length != count)
            throw new ArgumentException("ids, positions, sequences and slots: one per row", nameof(rows));
        if (rows.Logits.Length < (long)rows.Wanted.Length * _shape.Vocabulary)
            throw new ArgumentException($"logits: room for {rows.Wanted.Length} rows of {_shape.Vocabulary}", nameof(rows));
        int slots = _sites == 0 ? 0 : rows.Ranks.Length / _sites;
        if (rows.Scales.Length != rows.Ranks.Length || rows.Places.Length != 2 * rows.Ranks.Length)
            throw new ArgumentException("ranks and scales: one per slot and site; places: two", nameof(rows));
        for (int i = 0; i < count; i++)
        {
            int page = rows.Sequences[i] * rows.TableWidth + rows.Positions[i] / PageTokens;
            if ((uint)rows.Ids[i] >= (uint)_shape.Vocabulary || rows.Positions[i] < 0 || rows.Positions[i] / PageTokens >= rows.TableWidth
                || (uint)page >= (uint)rows.Tables.Length || rows.Slots[i] < -1 || rows.Slots[i] >= slots || (rows.Slots[i] >= 0 && rows.Adapters == 0))
                throw new ArgumentException($"row {i}: id {rows.Ids[i]}, position {rows.Positions[i]}, sequence {rows.Sequences[i]} or slot {rows.Slots[i]} is out of range", nameof(rows));
        }
        foreach (int page in rows.Tables)
            if (page >= _pages)
                throw new ArgumentException($"page {page} of {_pages}", nameof(rows));
        foreach (int row in rows.Wanted)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)count, nameof(rows));
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref _step, null)?.Dispose();
        GC.SuppressFinalize(this);
    }

    ~ServingLlama() => Dispose();
}
