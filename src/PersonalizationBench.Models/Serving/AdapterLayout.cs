using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Models;

/// <summary>How adapters of one base lie in memory while they are served: the projections that may be adapted, and the type of the
/// products. An adapter is packed once; from then on it is moved as one block of bytes.</summary>
public sealed class AdapterLayout
{
    /// <summary>A tile's row: factors begin where a cache line does.</summary>
    private const int AlignmentBytes = 64;

    /// <summary>Bytes of images given back that wait for the next: a few of the largest.</summary>
    private const long MostKept = 16 << 20;

    private readonly DecoderConfig _config;
    private readonly Dictionary<string, int> _siteOf = [];
    private readonly List<ServingSite> _sites = [];
    private readonly BufferPool _memory = new(MostKept);

    /// <param name="isBFloat16">Products are bf16, else f32.</param>
    public AdapterLayout(DecoderConfig config, bool isBFloat16)
    {
        (_config, IsBFloat16) = (config, isBFloat16);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            for (var product = 0; product < config.Products.Count; product++)
            {
                var offset = 0;
                foreach (var module in config.Products[product])
                {
                    var (output, input) = config.ProjectionShape(module);
                    _siteOf[WeightNames.Module(layer, module)] = _sites.Count;
                    _sites.Add(new ServingSite(layer, product, offset, output, input));
                    offset += output;
                }
            }
        }
    }

    public bool IsBFloat16 { get; }

    internal IReadOnlyList<ServingSite> Sites => _sites;

    internal int ElementBytes => IsBFloat16 ? 2 : 4;

    /// <summary>Bytes of an adapter of this rank in all projections.</summary>
    public long BytesOf(int rank) => _sites.Sum(s => Aligned(ElementsOfA(s, rank)) + Aligned(ElementsOfB(s, rank))) * ElementBytes;

    /// <summary>Rounds the factors to the products' type and puts them one after another.</summary>
    /// <param name="source">What errors call the adapter.</param>
    /// <exception cref="PbenchException">A module, a shape or a rank is not this base's, or a value is not finite.</exception>
    public AdapterImage Pack(PeftAdapter adapter, string source)
    {
        var projections = PeftModules.Split(_config, adapter, source);
        var (ranks, scales, places) = (new int[_sites.Count], new float[_sites.Count], new long[2 * _sites.Count]);
        var elements = 0L;
        foreach (var projection in projections)
        {
            var at = _siteOf[projection.Module];
            var site = _sites[at];
            if (projection.Rank > Math.Min(ServingLlama.MaxRank, Math.Min(site.Width, site.Input)))
                throw new PbenchException($"{source}: module '{projection.Origin}': rank {projection.Rank} is above {Math.Min(ServingLlama.MaxRank, Math.Min(site.Width, site.Input))}");
            RequireFinite(projection.A.Span, source, projection.Origin, "lora_A");
            RequireFinite(projection.B.Span, source, projection.Origin, "lora_B");
            (ranks[at], scales[at]) = (projection.Rank, (float)projection.Scaling);
            places[2 * at] = elements;
            places[2 * at + 1] = elements + Aligned(ElementsOfA(site, projection.Rank));
            elements = places[2 * at + 1] + Aligned(ElementsOfB(site, projection.Rank));
        }
        var bytes = _memory.Take(checked((int)(elements * ElementBytes)));
        foreach (var projection in projections)
        {
            var at = _siteOf[projection.Module];
            var (site, rank) = (_sites[at], projection.Rank);
            if (IsBFloat16)
            {
                var pairs = MemoryMarshal.Cast<byte, uint>(bytes.AsSpan());
                PackA(projection.A.Span, site.Input, rank, pairs[(int)(places[2 * at] / 2)..]);
                PackB(projection.B.Span, site.Width, rank, pairs[(int)(places[2 * at + 1] / 2)..]);
            }
            else
            {
                var singles = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
                projection.A.Span.CopyTo(singles[(int)places[2 * at]..]);
                Turn(projection.B.Span, site.Width, rank, singles[(int)places[2 * at + 1]..]);
            }
        }
        return new AdapterImage(bytes, ranks, scales, places);
    }

    /// <summary>Gives an image's memory to the next one that is packed: nobody may read it any more. Memory that the processor knows is
    /// several times as fast as what the collector hands out anew.</summary>
    public void Recycle(AdapterImage image) => _memory.Give(image.Bytes);

    // Both are compiled once and whole: a server's first thousand loads would else run in code that is still being measured.

    /// <summary>A [r, in] as column tiles of at most 16 ranks, each a tile for every 32 inputs, [pairs of inputs, ranks, 2]; what is beyond r
    /// and in is zero already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackA(ReadOnlySpan<float> a, int input, int rank, Span<uint> to)
    {
        var (ranks, inputs) = (ServingLlama.PaddedRank(rank), Padded(input, 32));
        var columns = Math.Min(ranks, 16);
        // Two neighbours rounded are one dword, as the tile has them.
        var rented = ArrayPool<uint>.Shared.Rent((input + 1) / 2);
        var pairs = rented.AsSpan(0, (input + 1) / 2);
        pairs[^1] = 0;
        for (var k = 0; k < rank; k++)
        {
            BFloat16.FromSingles(a.Slice(k * input, input), MemoryMarshal.Cast<uint, ushort>(pairs));
            var at = to[(k / columns * columns * inputs / 2 + k % columns)..];
            for (int i = 0, place = 0; i < pairs.Length; i++, place += columns) at[place] = pairs[i];
        }
        ArrayPool<uint>.Shared.Return(rented);
    }

    /// <summary>B [out, r] as, for every 16 outputs, [pairs of ranks, outputs, 2].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackB(ReadOnlySpan<float> b, int width, int rank, Span<uint> to)
    {
        var (ranks, each) = (ServingLlama.PaddedRank(rank), (rank + 1) / 2);
        var rented = ArrayPool<uint>.Shared.Rent(width * each);
        var pairs = rented.AsSpan(0, width * each);
        pairs.Clear();
        var halves = MemoryMarshal.Cast<uint, ushort>(pairs);
        if (rank % 2 == 0) BFloat16.FromSingles(b, halves);
        else
            for (var row = 0; row < width; row++) BFloat16.FromSingles(b.Slice(row * rank, rank), halves[(2 * row * each)..]);
        for (var row = 0; row < width; row++)
        {
            var at = to[(row / 16 * 8 * ranks + row % 16)..];
            for (var k = 0; k < each; k++) at[16 * k] = pairs[row * each + k];
        }
        ArrayPool<uint>.Shared.Return(rented);
    }

    /// <summary>B [out, r] as [r, out].</summary>
    private static void Turn(ReadOnlySpan<float> b, int width, int rank, Span<float> to)
    {
        for (var row = 0; row < width; row++)
            for (var k = 0; k < rank; k++) to[k * width + row] = b[row * rank + k];
    }

    private long Aligned(long elements) => (elements * ElementBytes + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes / ElementBytes;

    private long ElementsOfA(ServingSite site, int rank) => IsBFloat16 ? (long)ServingLlama.PaddedRank(rank) * Padded(site.Input, 32) : (long)rank * site.Input;

    private long ElementsOfB(ServingSite site, int rank) => IsBFloat16 ? (long)ServingLlama.PaddedRank(rank) * Padded(site.Width, 16) : (long)rank * site.Width;

    private static int Padded(int value, int to) => (value + to - 1) / to * to;

    private static void RequireFinite(ReadOnlySpan<float> values, string source, string module, string factor)
    {
        // Zero times a number is zero, times anything else it is not: sixteen at a time.
        var (sum, i) = (Vector<float>.Zero, 0);
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count) sum += new Vector<float>(values[i..]) * 0f;
        var rest = Vector.Sum(sum);
        for (; i < values.Length; i++) rest += values[i] * 0f;
        if (rest == 0) return;
        throw new PbenchException(FormattableString.Invariant($"{source}: module '{module}': {factor}: value {Array.FindIndex(values.ToArray(), v => !float.IsFinite(v))} is not finite"));
    }
}

/// <summary>An adapter as it is served: its factors in one block, and for every site of the layout the rank (0: as in the base), the
/// factor s and where A and B begin, in elements.</summary>
public sealed record AdapterImage(byte[] Bytes, int[] Ranks, float[] Scales, long[] Places);
