using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Torch;

namespace PersonalizationBench.Models;

/// <summary>How adapters of one base lie in memory while they are served: the projections that may be adapted, and the type of the
/// products. An adapter is packed once; from then on it is moved as one block of bytes.</summary>
public sealed class AdapterLayout
{
    /// <summary>A tile's row: factors begin where a cache line does.</summary>
    private const int AlignmentBytes = 64;

    private readonly DecoderConfig _config;
    private readonly Dictionary<string, int> _siteOf = [];
    private readonly List<ServingSite> _sites = [];

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
            if (Array.FindIndex(projection.A, v => !float.IsFinite(v)) is >= 0 and var inA) throw NotFinite(source, projection.Origin, "lora_A", inA);
            if (Array.FindIndex(projection.B, v => !float.IsFinite(v)) is >= 0 and var inB) throw NotFinite(source, projection.Origin, "lora_B", inB);
            (ranks[at], scales[at]) = (projection.Rank, (float)projection.Scaling);
            places[2 * at] = elements;
            places[2 * at + 1] = elements + Aligned(ElementsOfA(site, projection.Rank));
            elements = places[2 * at + 1] + Aligned(ElementsOfB(site, projection.Rank));
        }
        var bytes = new byte[elements * ElementBytes];
        foreach (var projection in projections)
        {
            var at = _siteOf[projection.Module];
            Write(bytes, places[2 * at], PackA(projection.A, _sites[at].Input, projection.Rank));
            Write(bytes, places[2 * at + 1], PackB(projection.B, _sites[at].Width, projection.Rank));
        }
        return new AdapterImage(bytes, ranks, scales, places);
    }

    /// <summary>A [r, in] as the products want it: as it is in f32, else column tiles of at most 16 ranks, each a tile for every 32
    /// inputs, [pairs of inputs, ranks, 2].</summary>
    private float[] PackA(float[] a, int input, int rank)
    {
        if (!IsBFloat16) return a;
        var (ranks, inputs) = (ServingLlama.PaddedRank(rank), Padded(input, 32));
        var (columns, packed) = (Math.Min(ranks, 16), new float[ranks * inputs]);
        for (var k = 0; k < rank; k++)
            for (var i = 0; i < input; i++)
                packed[k / columns * columns * inputs + (i / 2 * columns + k % columns) * 2 + i % 2] = a[k * input + i];
        return packed;
    }

    /// <summary>B [out, r] as the products want it: [r, out] in f32, else for every 16 outputs [pairs of ranks, outputs, 2].</summary>
    private float[] PackB(float[] b, int width, int rank)
    {
        var ranks = IsBFloat16 ? ServingLlama.PaddedRank(rank) : rank;
        var packed = new float[ranks * (IsBFloat16 ? Padded(width, 16) : width)];
        for (var row = 0; row < width; row++)
            for (var k = 0; k < rank; k++)
                packed[IsBFloat16 ? row / 16 * 16 * ranks + (k / 2 * 16 + row % 16) * 2 + k % 2 : k * width + row] = b[row * rank + k];
        return packed;
    }

    private void Write(byte[] bytes, long place, float[] values)
    {
        var to = bytes.AsSpan((int)(place * ElementBytes), values.Length * ElementBytes);
        if (IsBFloat16) BFloat16.FromSingles(values).CopyTo(to);
        else MemoryMarshal.AsBytes(values.AsSpan()).CopyTo(to);
    }

    private long Aligned(long elements) => (elements * ElementBytes + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes / ElementBytes;

    private long ElementsOfA(ServingSite site, int rank) => IsBFloat16 ? (long)ServingLlama.PaddedRank(rank) * Padded(site.Input, 32) : (long)rank * site.Input;

    private long ElementsOfB(ServingSite site, int rank) => IsBFloat16 ? (long)ServingLlama.PaddedRank(rank) * Padded(site.Width, 16) : (long)rank * site.Width;

    private static int Padded(int value, int to) => (value + to - 1) / to * to;

    private static PbenchException NotFinite(string source, string module, string factor, int at) =>
        new(FormattableString.Invariant($"{source}: module '{module}': {factor}: value {at} is not finite"));
}

/// <summary>An adapter as it is served: its factors in one block, and for every site of the layout the rank (0: as in the base), the
/// factor s and where A and B begin, in elements.</summary>
public sealed record AdapterImage(byte[] Bytes, int[] Ranks, float[] Scales, long[] Places);
