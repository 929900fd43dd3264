using System.Numerics;
using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// A model's weights by <see cref="WeightNames"/>: copies in the precision of the products, and f32 masters for what changes
/// them (the same tensors where products are f32; norms are f32 in either). Rotary dimensions are in Hugging Face's order: the
/// first half of what turns of a head turns with the second.
/// </summary>
public sealed class DecoderWeights : IDisposable
{
    private DecoderParameters? _masters;

    private DecoderWeights(DecoderConfig config, DecoderParameters? masters, DecoderParameters compute, ScalarType computeType, string device) =>
        (Config, _masters, Compute, ComputeType, Device) = (config, masters, compute, computeType, device);

    public DecoderConfig Config { get; }

    public string Device { get; }

    /// <summary>Another one whenever the weights have changed.</summary>
    internal long Version { get; private set; }

    /// <summary>They change at any moment: nothing is to be made of them that stays.</summary>
    internal bool IsTraining { get; set; }

    /// <summary>Says that the weights are others now.</summary>
    internal void Changed() => Version++;

    /// <summary>Type of the products.</summary>
    public ScalarType ComputeType { get; }

    /// <summary>Names in the order of the file.</summary>
    public IEnumerable<string> Names => Config.Shapes().Select(s => s.Name);

    /// <summary>Bytes of all tensors held.</summary>
    public long Bytes => All().Sum(t => t.numel() * t.ElementSize);

    /// <summary>Made from the copies when first asked for, where the file was no more exact than those: a base that is only
    /// answered from, or has only adapters trained on it, is in memory once.</summary>
    internal DecoderParameters Masters => _masters ??= Widened(shareNorms: true);

    /// <summary>What tokens are looked up in where no gradient of it is wanted; f32 if that is at hand.</summary>
    internal Tensor FrozenEmbedding => (_masters ?? Compute).Embedding;

    internal DecoderParameters Compute { get; }

    /// <summary>Draws weights: normal with deviation 0.02, residual projections scaled by 1 / sqrt(2 layers) (Radford et al., 2019), norms 1.</summary>
    public static DecoderWeights Initialise(DecoderConfig config, long seed, Precision precision, string device = "cpu")
    {
        config.Validated("model");
        return Fill("model", config, config.Shapes().Select(s => (s.Name, Draw(config, s.Name, seed))), precision, device, keepMasters: true);
    }

    /// <summary>Reads a checkpoint, one tensor after another. A missing, misshapen or unknown one, or one with a value that is not
    /// finite, is a <see cref="PbenchException"/> naming the source and the tensor; where there is not the memory for all of them, it is
    /// a <see cref="NotEnoughMemoryException"/> naming the source and how much that is.</summary>
    public static DecoderWeights Load(DecoderConfig config, ITensorSource source, Precision precision, string device)
    {
        var expected = CheckpointLayout.Of(config, source.TensorNames).ToList();
        var known = expected.Select(t => t.Name).ToHashSet();
        foreach (var name in source.TensorNames)
            if (!known.Contains(name) && !CheckpointLayout.IsIgnored(config, name))
                throw new PbenchException($"{source.Name}: tensor '{name}' has no place in this model; did you mean '{NearestWord.Find(name, known) ?? WeightNames.Embedding}'?");
        var present = source.TensorNames.ToHashSet();
        foreach (var tensor in expected)
        {
            if (!present.Contains(tensor.Name)) throw new PbenchException($"{source.Name}: tensor '{tensor.Name}' is missing");
            if (source.Describe(tensor.Name).Shape is var shape && !shape.SequenceEqual(tensor.Shape))
                throw new PbenchException($"{source.Name}: tensor '{tensor.Name}': expected shape [{string.Join(", ", tensor.Shape)}], found [{string.Join(", ", shape)}]");
        }
        // Of a file in bf16 the products' copies hold all there is to know.
        var isExact = expected.All(t => source.Describe(t.Name).DType == "BF16" || t.Shape.Length == 1);
        return Fill(source.Name, config, expected.SelectMany(Read), precision, device, keepMasters: !isExact);

        IEnumerable<(string, float[])> Read(CheckpointTensor tensor)
        {
            var values = source.ReadSingles(tensor.Name);
            var place = NotFinite(values);
            if (place >= 0) throw new PbenchException(FormattableString.Invariant($"{source.Name}: tensor '{tensor.Name}': value {place} is {values[place]}; expected finite numbers"));
            return tensor.Split(values);
        }
    }

    /// <summary>Where the first value is that is none or infinite; -1: nowhere.</summary>
    private static int NotFinite(ReadOnlySpan<float> values)
    {
        var (i, lanes) = (0, Vector<float>.Count);
        // Of a finite number alone the difference from itself is 0.
        for (; i + lanes <= values.Length; i += lanes)
            if (new Vector<float>(values[i..]) is var some && !Vector.EqualsAll(some - some, Vector<float>.Zero)) break;
        for (; i < values.Length; i++)
            if (!float.IsFinite(values[i])) return i;
        return -1;
    }

    /// <summary>Products in bf16 where that was asked for or, with auto, where it pays (<see cref="ComputePrecision"/>).</summary>
    private static DecoderWeights Fill(string source, DecoderConfig config, IEnumerable<(string Name, float[] Values)> weights, Precision precision, string device, bool keepMasters)
    {
        var type = ComputePrecision.Choose(config, precision, device);
        var inPlace = type == ScalarType.Float32 || keepMasters ? ScalarType.Float32 : type;
        // What stays f32 is there once, the rest as it lies and as the products' copies, where those are others.
        var bytes = config.Shapes().Sum(s => s.Shape.Aggregate(1.0, (a, b) => a * b) * (WeightNames.StaysFloat32(s.Name) ? sizeof(float) : inPlace.ElementSize() + (inPlace == type ? 0 : type.ElementSize())));
        return MachineMemory.Take(source, "the weights", bytes, device, Filled);

        DecoderWeights Filled()
        {
            using var off = no_grad();
            var filled = new DecoderParameters(config, (name, shape) => empty(shape, WeightNames.StaysFloat32(name) ? ScalarType.Float32 : inPlace, torch.device(device)));
            foreach (var (name, values) in weights)
            {
                var place = filled[name];
                // The largest part of loading is memory touched for the first time: not twice.
                if (place.dtype == ScalarType.Float32 && place.device_type == DeviceType.CPU) values.CopyTo(MemoryMarshal.Cast<byte, float>(place.bytes));
                else
                {
                    using var scope = NewDisposeScope();
                    place.copy_(tensor(values).view(config.ShapeOf(name)));
                }
            }
            return inPlace == type
                ? new DecoderWeights(config, type == ScalarType.Float32 ? filled : null, filled, type, device)
                : new DecoderWeights(config, filled, CopiesOf(config, filled, type), type, device);
        }
    }

    /// <summary>The f32 master of a weight (the product's copy where only that was kept).</summary>
    public Tensor Master(string name) => Masters[name];

    /// <summary>The copy of a weight that products use.</summary>
    public Tensor Copy(string name) => Compute[name];

    /// <summary>Brings the copies up to date with the masters.</summary>
    public void Refresh()
    {
        if (_masters is null) return;
        using var off = no_grad();
        foreach (var (master, copy) in Pairs())
            if (!ReferenceEquals(copy, master)) copy.copy_(master);
    }

    public DecoderWeights Clone()
    {
        using var off = no_grad();
        // Not by way of Masters: what is cloned stays in memory once.
        var masters = _masters is null ? Widened(shareNorms: false) : Cloned(_masters);
        return new DecoderWeights(Config, masters, CopiesOf(Config, masters, ComputeType), ComputeType, Device);
    }

    /// <summary>Only what answering needs: the products' copies, no masters.</summary>
    internal DecoderWeights Compacted()
    {
        using var off = no_grad();
        var copies = Cloned(Compute);
        return new DecoderWeights(Config, copies, copies, ComputeType, Device);
    }

    /// <summary>The weights as they stand, packed for training; null where products are not bf16 or there is no fast way.</summary>
    public PackedLlama? TryPack() => ComputeType != ScalarType.BFloat16 || !Config.IsPlainLlama ? null : PackedLlama.TryPack(
        new LlamaShape(Config.Layers, Config.Heads, Config.KeyValueHeads, Config.HeadDimension, Config.HiddenDimension, Config.VocabularySize, Config.NormEpsilon), Packable);

    /// <summary>The products' copies in the order in which they are packed.</summary>
    internal IReadOnlyList<Tensor> Packable =>
        [.. Compute.Blocks.SelectMany(b => new[] { b.MixerNorm!.Value, b.Input, b.Output, b.Mlp!.Norm!.Value, b.Mlp.GateUp, b.Mlp.Down }).Append(Compute.FinalNorm).Select(a => a.Weight), Compute.Head];

    /// <summary>Master and copy of every stored tensor; norms, and all where products are f32, are one and the same.</summary>
    internal IEnumerable<(Tensor Master, Tensor Copy)> Pairs() => Masters.Stored.Zip(Compute.Stored, (m, c) => (m.Tensor, c.Tensor));

    /// <summary>The weights as a file holds them: the products' copies (norms f32), so that what was measured is what is saved.</summary>
    public IEnumerable<TensorData> Export() => Names.Select(name => CheckpointLayout.Saved(Config, TensorConversion.ToData(name, Compute[name])));

    public void Dispose()
    {
        _masters?.Dispose();
        Compute.Dispose();
    }

    private IEnumerable<Tensor> All() => (_masters ?? Compute).Stored.Concat(Compute.Stored).Select(s => s.Tensor).Distinct();

    private DecoderParameters Cloned(DecoderParameters parameters)
    {
        var byName = parameters.Stored.ToDictionary(s => s.Name, s => s.Tensor);
        return new DecoderParameters(Config, (name, _) =>
        {
            using var plain = byName[name].detach();
            return plain.clone();
        });
    }

    private DecoderParameters Widened(bool shareNorms)
    {
        using var off = no_grad();
        var byName = Compute.Stored.ToDictionary(s => s.Name, s => s.Tensor);
        return new DecoderParameters(Config, (name, _) => !WeightNames.StaysFloat32(name) ? byName[name].to(ScalarType.Float32) : shareNorms ? byName[name] : byName[name].clone());
    }

    private static DecoderParameters CopiesOf(DecoderConfig config, DecoderParameters masters, ScalarType type)
    {
        if (type == ScalarType.Float32) return masters;
        using var off = no_grad();
        var byName = masters.Stored.ToDictionary(s => s.Name, s => s.Tensor);
        return new DecoderParameters(config, (name, _) => WeightNames.StaysFloat32(name) ? byName[name] : byName[name].to(type));
    }

    private static readonly string[] s_mixerProjections = ["in_proj.weight", "out_proj.weight", "x_proj.weight"];

    private static float[] Draw(DecoderConfig config, string name, long seed)
    {
        var shape = config.ShapeOf(name);
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        var random = DeterministicRandom.For(seed, name);
        switch (name.Split('.')[^1])
        {
            // As Mamba begins (Gu and Dao, 2023, section 3.6): A is 1, 2, 3, ... in every channel.
            case "A_log" when config.Selective is { } s: Fill(i => Math.Log(1 + i % s.StateSize)); break;
            // As Mamba-2 begins (Dao and Gu, 2024, the authors' code): A in [1, 16]; either's steps from 0.001 to 0.1 before anything is read.
            case "A_log": Fill(_ => Math.Log(1 + 15 * random.NextDouble())); break;
            case "dt_bias":
            case "bias" when name.EndsWith("dt_proj.bias", StringComparison.Ordinal): Fill(_ => InverseSoftplus(Math.Exp(Math.Log(1e-3) + random.NextDouble() * Math.Log(100)))); break;
            case "bias": break;
            case "weight" when name.EndsWith("conv1d.weight", StringComparison.Ordinal) || name.EndsWith("dt_proj.weight", StringComparison.Ordinal): Fill(_ => (2 * random.NextDouble() - 1) / Math.Sqrt(shape[1])); break;
            // PyTorch's own for a linear layer, which the authors of both keep: B and C from normal draws of 0.02 are so small in a narrow
            // model that all begins with D x alone, and copying is not learnt for a long time.
            case "weight" when config.Recurrent is not null && s_mixerProjections.Any(end => name.EndsWith(end, StringComparison.Ordinal)):
                var reach = 1 / Math.Sqrt(shape[1] * (IsResidual(name) ? (double)config.Layers : 1));
                Fill(_ => (2 * random.NextDouble() - 1) * reach);
                break;
            default:
                if (shape.Length == 1) Array.Fill(values, 1f);
                else Gaussian.Fill(values, IsResidual(name) ? 0.02 / Math.Sqrt(2.0 * config.Layers) : 0.02, random);
                break;
        }
        return values;

        void Fill(Func<int, double> draw)
        {
            for (var i = 0; i < values.Length; i++) values[i] = (float)draw(i);
        }

        static double InverseSoftplus(double y) => y + Math.Log(1 - Math.Exp(-y));

        static bool IsResidual(string name) => new[] { "o_proj.weight", "down_proj.weight", "out_proj.weight" }.Any(end => name.EndsWith(end, StringComparison.Ordinal));
    }
}

/// <summary>Between tensors and the bytes of files.</summary>
internal static class TensorConversion
{
    public static TensorData ToData(string name, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var here = tensor.detach().cpu().contiguous();
        var type = here.dtype switch
        {
            ScalarType.Float32 => "F32",
            ScalarType.BFloat16 => "BF16",
            _ => throw new PbenchException($"tensor '{name}': {here.dtype} cannot be saved"),
        };
        return new TensorData(name, type, here.shape, here.bytes.ToArray());
    }

    public static ReadOnlySpan<float> Singles(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
}

/// <summary>Normal numbers by Box and Muller: the sequence hangs on the seed alone, not on libtorch's version.</summary>
internal static class Gaussian
{
    public static void Fill(Span<float> values, double deviation, DeterministicRandom random)
    {
        for (var i = 0; i < values.Length; i += 2)
        {
            var radius = deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            var (sin, cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cos);
            if (i + 1 < values.Length) values[i + 1] = (float)(radius * sin);
        }
    }
}
