using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>How much memory a server's model may take.</summary>
/// <param name="Pages">Of keys and values, <see cref="PagedModel.PageTokens"/> positions each, shared by all sequences.</param>
/// <param name="Slots">Adapters that a step can use.</param>
/// <param name="SlotBytes">Of each; what does not fit cannot be served.</param>
public sealed record PagedOptions(int Pages, int Slots, long SlotBytes);

/// <summary>
/// A base that takes steps over rows of many sequences: keys and values in pages, an adapter slot per row. A row's logits do not
/// depend, to the last bit, on the rows beside it or on how its prompt was cut. Not thread-safe.
/// </summary>
public sealed unsafe class PagedModel : IDisposable
{
    public const int PageTokens = ServingLlama.PageTokens;

    private readonly ServingLlama _model;
    private int[] _ranks = [];
    private float[] _scales = [];
    private long[] _places = [];
    private long _slotBytes;
    private void* _slots;

    private PagedModel(ServingLlama model, AdapterLayout layout, DecoderConfig config, PagedOptions options)
    {
        (_model, Layout, Config, Options) = (model, layout, config, options);
        Reserve(options.Slots, options.SlotBytes);
    }

    public AdapterLayout Layout { get; }

    public DecoderConfig Config { get; }

    public PagedOptions Options { get; private set; }

    /// <summary>Bytes that a page takes.</summary>
    public static long BytesOfPage(LoadedBase loaded) => PageTokens * KvCache.BytesPerToken(loaded.Config, loaded.Weights.ComputeType);

    /// <summary>Copies the base's weights into the layout of the products; the base may be disposed afterwards.</summary>
    /// <exception cref="PbenchException">The base is no plain Llama, or is not on the CPU.</exception>
    public static PagedModel Create(LoadedBase loaded, PagedOptions options)
    {
        var (config, weights) = (loaded.Config, loaded.Weights);
        if (!config.IsPlainLlama || weights.Device != "cpu")
            throw new PbenchException($"base '{loaded.Info.Name}': only bases of the Llama architecture on the CPU can be served; this is a {config.ModelType} on {weights.Device}");
        var shape = new LlamaShape(config.Layers, config.Heads, config.KeyValueHeads, config.HeadDimension, config.HiddenDimension, config.VocabularySize, config.NormEpsilon);
        var (cos, sin) = loaded.Rotary.All;
        List<Tensor> tensors = [weights.Compute.Embedding, .. weights.Packable, cos, sin];
        // bf16 without tiles and dot products falls back to f32: slower, and the same answers but for rounding.
        foreach (var isBFloat16 in weights.ComputeType == ScalarType.BFloat16 ? new[] { true, false } : [false])
        {
            var layout = new AdapterLayout(config, isBFloat16);
            if (ServingLlama.TryCreate(shape, tensors, options.Pages, isBFloat16, layout.Sites) is { } model) return new PagedModel(model, layout, config, options);
        }
        throw new PbenchException($"base '{loaded.Info.Name}': there is no way to serve it here");
    }

    /// <summary>Room for other adapters than before: all slots are the base again.</summary>
    public void Reserve(int slots, long slotBytes)
    {
        var sites = slots * Layout.Sites.Count;
        (_ranks, _scales, _places) = (new int[sites], new float[sites], new long[2 * sites]);
        _slotBytes = (slotBytes + 63) / 64 * 64;
        SlotMemory.Free(_slots);
        _slots = null;
        _slots = slots == 0 ? null : SlotMemory.Allocate(slots * _slotBytes);
        Options = Options with { Slots = slots, SlotBytes = slotBytes };
    }

    /// <summary>Makes a slot this adapter: one copy.</summary>
    /// <exception cref="PbenchException">It is larger than a slot.</exception>
    public void Put(int slot, AdapterImage image)
    {
        RequireSlot(slot);
        if (image.Bytes.Length > _slotBytes) throw new PbenchException($"adapter: {image.Bytes.Length} bytes do not fit a slot of {_slotBytes}");
        image.Bytes.CopyTo(new Span<byte>((byte*)_slots + slot * _slotBytes, (int)_slotBytes));
        var sites = Layout.Sites.Count;
        image.Ranks.CopyTo(_ranks, slot * sites);
        image.Scales.CopyTo(_scales, slot * sites);
        image.Places.CopyTo(_places, 2 * slot * sites);
    }

    /// <summary>Makes a slot the base.</summary>
    public void Clear(int slot)
    {
        RequireSlot(slot);
        Array.Clear(_ranks, slot * Layout.Sites.Count, Layout.Sites.Count);
    }

    /// <summary>One step; what the spans hold is said at <see cref="ServingRows"/>.</summary>
    /// <param name="logits">[wanted, vocabulary], written</param>
    public void Step(
        ReadOnlySpan<int> ids, ReadOnlySpan<int> positions, ReadOnlySpan<int> sequences, ReadOnlySpan<int> slots,
        ReadOnlySpan<int> tables, int tableWidth, ReadOnlySpan<int> wanted, Span<float> logits)
    {
        ObjectDisposedException.ThrowIf(_slots is null && Options.Slots > 0, this);
        _model.Step(new ServingRows
        {
            Ids = ids,
            Positions = positions,
            Sequences = sequences,
            Slots = slots,
            Tables = tables,
            TableWidth = tableWidth,
            Adapters = (nint)_slots,
            SlotElements = _slotBytes / Layout.ElementBytes,
            Ranks = _ranks,
            Scales = _scales,
            Places = _places,
            Wanted = wanted,
            Logits = logits,
        });
    }

    public void Dispose()
    {
        _model.Dispose();
        SlotMemory.Free(_slots);
        _slots = null;
    }

    private void RequireSlot(int slot)
    {
        if (slot < 0 || slot >= Options.Slots) throw new ArgumentOutOfRangeException(nameof(slot), $"slot {slot} of {Options.Slots}");
    }
}
