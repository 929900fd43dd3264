using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// The LoRA adapters of many users as stacked tensors: per adapted projection A <c>[slots, r, in]</c> and
/// B <c>[slots, out, r]</c>, f32. A batch carries a slot per row; one user at a time is the case of one slot.
/// </summary>
public sealed class AdapterBank : IDisposable
{
    private readonly List<AdapterSite> _sites = [];
    private readonly string _device;

    /// <summary>All slots start as the base (A drawn with seed 0, B = 0). Throws <see cref="PbenchException"/> where the
    /// options do not fit the base.</summary>
    public AdapterBank(DecoderConfig config, int slots, LoraOptions options, string device = "cpu")
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(slots);
        if (options.Problems(config.SmallestDimensions()).ToList() is { Count: > 0 } problems)
            throw new PbenchException($"adapter: {string.Join("; ", problems)}");
        (Config, Slots, Options, Modules, _device) = (config, slots, options, options.TargetModules ?? config.Projections, device);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            for (var projection = 0; projection < config.Projections.Count; projection++)
            {
                var module = config.Projections[projection];
                if (!Modules.Contains(module)) continue;
                var (output, input) = config.ProjectionShape(module);
                _sites.Add(new AdapterSite(
                    layer, projection, WeightNames.Module(layer, module),
                    zeros([slots, options.Rank, input], ScalarType.Float32, torch.device(device)).DetachFromDisposeScope(),
                    zeros([slots, output, options.Rank], ScalarType.Float32, torch.device(device)).DetachFromDisposeScope()));
            }
        }
        for (var slot = 0; slot < slots; slot++) Initialise(slot, 0);
    }

    private static long s_banks;

    /// <summary>Of this bank among all of the process.</summary>
    internal long Identity { get; } = Interlocked.Increment(ref s_banks);

    /// <summary>Another one whenever a slot has changed.</summary>
    internal long Version { get; private set; }

    /// <summary>Says that a slot was written to.</summary>
    internal void Changed() => Version++;

    public DecoderConfig Config { get; }

    public int Slots { get; }

    public LoraOptions Options { get; }

    /// <summary>The projections of every layer that are adapted.</summary>
    public IReadOnlyList<string> Modules { get; }

    /// <summary>Trainable parameters of one slot.</summary>
    public long ParametersPerSlot => _sites.Sum(s => (s.A.numel() + s.B.numel()) / Slots);

    internal IReadOnlyList<AdapterSite> Sites => _sites;

    /// <summary>Starts a slot anew: A uniform as PEFT draws it (kaiming with a = sqrt 5: bound 1 / sqrt(in)), B = 0.
    /// The seed alone decides, not the slot's number.</summary>
    public void Initialise(int slot, long seed)
    {
        RequireSlot(slot);
        Changed();
        using var off = no_grad();
        foreach (var site in _sites)
        {
            using var scope = NewDisposeScope();
            var random = DeterministicRandom.For(seed, site.Module);
            var values = new float[Options.Rank * site.A.size(2)];
            var bound = 1 / Math.Sqrt(site.A.size(2));
            for (var i = 0; i < values.Length; i++) values[i] = (float)((2 * random.NextDouble() - 1) * bound);
            site.A.select(0, slot).copy_(tensor(values).view(Options.Rank, -1));
            site.B.select(0, slot).zero_();
        }
    }

    /// <summary>A slot as PEFT stores it, f32, under the names of Hugging Face's classes (<see cref="PeftModules"/>); write it with
    /// <see cref="PeftAdapterFile.Save"/>.</summary>
    public PeftAdapter Export(int slot, BaseInfo trainedOn)
    {
        RequireSlot(slot);
        using var scope = NewDisposeScope();
        var projections = _sites.Select(s => new ProjectionFactors(s.Module, s.Module, Options.Rank, Options.Scaling, Values(s.A, slot), Values(s.B, slot))).ToList();
        var settings = new PeftAdapterConfig(Options.Rank, Options.Alpha, Modules, trainedOn.Name) { UseRsLora = Options.RankStabilised };
        return PeftModules.Join(Config, settings, projections, trainedOn.Digest);
    }

    /// <summary>Whether an adapter is updates of the base's projections, of ranks that a bank may have.</summary>
    internal static bool CanHold(DecoderConfig config, PeftAdapter adapter)
    {
        if (PeftModules.Beyond(config, adapter) is not null) return false;
        var smallest = config.SmallestDimensions();
        var rank = adapter.Modules.Max(m => adapter.Config.RankOf(m.Module));
        return FileModule.Of(config).Where(f => adapter.Modules.Any(m => PeftPattern.IsEnd(f.Name, m.Module))).SelectMany(f => f.Projections).All(p => rank <= smallest[p]);
    }

    /// <summary>A bank of one slot that holds this adapter, whatever its ranks and scalings.</summary>
    /// <param name="source">What errors call the adapter.</param>
    public static AdapterBank Of(DecoderConfig config, PeftAdapter adapter, string source, string device = "cpu") => Of(config, [(adapter, source)], device);

    /// <summary>A bank that holds these adapters in its slots, of the highest rank among them and with the first one's scaling.</summary>
    /// <param name="adapters">At least one, and what errors call it.</param>
    public static AdapterBank Of(DecoderConfig config, IReadOnlyList<(PeftAdapter Adapter, string Source)> adapters, string device = "cpu")
    {
        var slots = adapters.Select(a => (Projections: PeftModules.Split(config, a.Adapter, a.Source), a.Source)).ToList();
        var modules = slots.SelectMany(s => s.Projections).Select(m => m.Module.Split('.')[^1]).Distinct().ToList();
        var rank = slots.SelectMany(s => s.Projections).Max(m => m.Rank);
        var first = adapters[0].Adapter.Config;
        var alpha = first.UseRsLora ? first.Scaling * Math.Sqrt(rank) : first.Scaling * rank;
        var bank = new AdapterBank(config, slots.Count, new LoraOptions { Rank = rank, Alpha = alpha, RankStabilised = first.UseRsLora, TargetModules = modules }, device);
        try
        {
            foreach (var (slot, (projections, source)) in slots.Index()) bank.Import(slot, projections, source);
            return bank;
        }
        catch
        {
            bank.Dispose();
            throw;
        }
    }

    /// <summary>Overwrites a slot. What the adapter leaves alone is as in the base; smaller ranks are filled with zeros, other scalings
    /// folded into B. Throws <see cref="PbenchException"/> where a rank, a module or a shape is not this bank's.</summary>
    /// <param name="source">What errors call the adapter.</param>
    public void Import(int slot, PeftAdapter adapter, string source) => Import(slot, PeftModules.Split(Config, adapter, source), source);

    private void Import(int slot, IReadOnlyList<ProjectionFactors> projections, string source)
    {
        RequireSlot(slot);
        var byModule = projections.ToDictionary(p => p.Module);
        if (projections.FirstOrDefault(p => _sites.All(s => s.Module != p.Module)) is { } stranger)
            throw new PbenchException($"{source}: module '{stranger.Origin}' is not adapted here");
        if (projections.FirstOrDefault(p => p.Rank > Options.Rank) is { } high)
            throw new PbenchException($"{source}: module '{high.Origin}': expected a rank of at most {Options.Rank}, found {high.Rank}");
        Changed();

        using var off = no_grad();
        foreach (var site in _sites)
        {
            using var scope = NewDisposeScope();
            site.A.select(0, slot).zero_();
            site.B.select(0, slot).zero_();
            if (!byModule.TryGetValue(site.Module, out var factors)) continue;
            site.A.select(0, slot).narrow(0, 0, factors.Rank).copy_(tensor(factors.A.ToArray()).view(factors.Rank, -1));
            // Exact where the scaling is the bank's, up to rounding elsewhere.
            var (up, share) = (tensor(factors.B.ToArray()).view(-1, factors.Rank), factors.Scaling / Options.Scaling);
            site.B.select(0, slot).narrow(1, 0, factors.Rank).copy_(Math.Abs(share - 1) < 1e-12 ? up : up.mul(share));
        }
    }

    /// <summary>W += s B A in every adapted projection.</summary>
    public void Merge(int slot, DecoderWeights weights) => AddProduct(slot, weights, Options.Scaling);

    /// <summary>W -= s B A: the inverse of <see cref="Merge"/> up to rounding.</summary>
    public void Unmerge(int slot, DecoderWeights weights) => AddProduct(slot, weights, -Options.Scaling);

    /// <summary>The adapters of a batch with one row per group, in the products' type; null where every slot is -1.
    /// The result lives in the current dispose scope.</summary>
    internal AdapterRows? Rows(IReadOnlyList<int> slots, ScalarType type)
    {
        foreach (var slot in slots)
            if (slot != -1) RequireSlot(slot);
        if (slots.All(s => s == -1)) return null;
        using var off = no_grad();
        var index = tensor(slots.Select(s => (long)Math.Max(0, s)).ToArray()).to(torch.device(_device));
        // A row of the bare base takes part in the product with a B of zeros.
        var present = tensor(slots.Select(s => s < 0 ? 0f : 1f).ToArray()).view(-1, 1, 1).to(torch.device(_device));
        var pairs = new (Tensor, Tensor)?[Config.Layers, Config.Projections.Count];
        foreach (var site in _sites)
            pairs[site.Layer, site.Projection] = (site.A.index_select(0, index).to(type), site.B.index_select(0, index).mul(present).to(type));
        return new AdapterRows(Config, Options.Scaling, pairs);
    }

    internal void RequireSlot(int slot)
    {
        if (slot < 0 || slot >= Slots) throw new ArgumentOutOfRangeException(nameof(slot), $"slot {slot} of a bank of {Slots}");
    }

    public void Dispose()
    {
        foreach (var site in _sites)
        {
            site.A.Dispose();
            site.B.Dispose();
        }
    }

    private void AddProduct(int slot, DecoderWeights weights, double scaling)
    {
        RequireSlot(slot);
        weights.Changed();
        using var off = no_grad();
        foreach (var site in _sites)
        {
            using var scope = NewDisposeScope();
            var name = site.Module + ".weight";
            var (master, copy) = (weights.Master(name), weights.Copy(name));
            master.add_(site.B.select(0, slot).matmul(site.A.select(0, slot)).mul(scaling));
            if (!ReferenceEquals(master, copy)) copy.copy_(master);
        }
    }

    private static float[] Values(Tensor stacked, int slot) => TensorConversion.Singles(stacked.select(0, slot).cpu().contiguous()).ToArray();
}

/// <summary>One adapted projection.</summary>
/// <param name="Projection">Index into <see cref="DecoderConfig.Projections"/>.</param>
/// <param name="Module">Such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="A">[slots, r, in]</param>
/// <param name="B">[slots, out, r]</param>
internal sealed record AdapterSite(int Layer, int Projection, string Module, Tensor A, Tensor B);
