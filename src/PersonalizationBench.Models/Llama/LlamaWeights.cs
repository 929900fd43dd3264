using System.Runtime.InteropServices;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// A Llama's weights by Hugging Face's names: f32 masters, and copies in the precision of the products (the same tensors
/// where that is f32; norms are f32 in either). Rotary dimensions are in Hugging Face's order: the first half of a head
/// turns with the second.
/// </summary>
public sealed class LlamaWeights : IDisposable
{
    private LlamaWeights(LlamaConfig config, LlamaParameters masters, LlamaParameters compute, ScalarType computeType, string device) =>
        (Config, Masters, Compute, ComputeType, Device) = (config, masters, compute, computeType, device);

    public LlamaConfig Config { get; }

    public string Device { get; }

    /// <summary>Type of the products.</summary>
    public ScalarType ComputeType { get; }

    /// <summary>Names in the order of the file.</summary>
    public IEnumerable<string> Names => Config.Shapes().Select(s => s.Name);

    /// <summary>Bytes of all tensors held.</summary>
    public long Bytes => All().Sum(t => t.numel() * t.ElementSize);

    internal LlamaParameters Masters { get; }

    internal LlamaParameters Compute { get; }

    /// <summary>Draws weights: normal with deviation 0.02, residual projections scaled by 1 / sqrt(2 layers) (Radford et al., 2019), norms 1.</summary>
    public static LlamaWeights Initialise(LlamaConfig config, long seed, Precision precision, string device = "cpu")
    {
        config.Validated("model");
        return FromArrays(config, name => Draw(config, name, seed), precision, device);
    }

    /// <summary>Takes tensors by Hugging Face's names. A missing, misshapen or unknown one is a <see cref="PbenchException"/>
    /// naming <paramref name="source"/> and the tensor.</summary>
    public static LlamaWeights FromTensors(LlamaConfig config, IReadOnlyList<TensorData> tensors, Precision precision, string device, string source)
    {
        var byName = tensors.ToDictionary(t => t.Name);
        var known = config.Shapes().Select(s => s.Name).ToHashSet();
        // A file may repeat the tied head, and older ones hold the rotary frequencies.
        foreach (var name in byName.Keys)
            if (!known.Contains(name) && name != LlamaNames.Head && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal))
                throw new PbenchException($"{source}: tensor '{name}' has no place in this model; did you mean '{NearestWord.Find(name, known) ?? LlamaNames.Embedding}'?");
        foreach (var (name, shape) in config.Shapes())
        {
            if (!byName.TryGetValue(name, out var tensor)) throw new PbenchException($"{source}: tensor '{name}' is missing");
            if (!tensor.Shape.SequenceEqual(shape))
                throw new PbenchException($"{source}: tensor '{name}': expected shape [{string.Join(", ", shape)}], found [{string.Join(", ", tensor.Shape)}]");
        }
        return FromArrays(config, name => TensorDTypes.ToSingles(byName[name].DType, byName[name].Bytes.Span, $"{source}: tensor '{name}'"), precision, device);
    }

    /// <summary>Products in bf16 where that was asked for or, with auto, where it pays (<see cref="ComputePrecision"/>).</summary>
    private static LlamaWeights FromArrays(LlamaConfig config, Func<string, float[]> values, Precision precision, string device)
    {
        var type = ComputePrecision.Choose(config, precision, device);
        var masters = new LlamaParameters(config, (_, shape) => zeros(shape, ScalarType.Float32, torch.device(device)));
        using var off = no_grad();
        foreach (var (name, shape) in config.Shapes())
        {
            using var scope = NewDisposeScope();
            masters[name].copy_(tensor(values(name)).view(shape));
        }
        return new LlamaWeights(config, masters, CopiesOf(config, masters, type), type, device);
    }

    /// <summary>The f32 master of a weight (the product's copy where only that was kept).</summary>
    public Tensor Master(string name) => Masters[name];

    /// <summary>The copy of a weight that products use.</summary>
    public Tensor Copy(string name) => Compute[name];

    /// <summary>Brings the copies up to date with the masters.</summary>
    public void Refresh()
    {
        using var off = no_grad();
        foreach (var (master, copy) in Pairs())
            if (!ReferenceEquals(copy, master)) copy.copy_(master);
    }

    public LlamaWeights Clone()
    {
        using var off = no_grad();
        var masters = Cloned(Masters);
        return new LlamaWeights(Config, masters, CopiesOf(Config, masters, ComputeType), ComputeType, Device);
    }

    /// <summary>Takes over the values of other weights of the same shape.</summary>
    public void CopyFrom(LlamaWeights other)
    {
        using var off = no_grad();
        foreach (var name in Names) Masters[name].copy_(other.Masters[name]);
        Refresh();
    }

    /// <summary>Only what answering needs: the products' copies, no masters.</summary>
    internal LlamaWeights Compacted()
    {
        using var off = no_grad();
        var copies = Cloned(Compute);
        return new LlamaWeights(Config, copies, copies, ComputeType, Device);
    }

    /// <summary>The weights as they stand, packed for training adapters on them; null where products are not bf16 or there is no fast way.</summary>
    public FrozenLlama? TryPack() => ComputeType != ScalarType.BFloat16 ? null : FrozenLlama.TryPack(
        new LlamaShape(Config.Layers, Config.Heads, Config.KeyValueHeads, Config.HeadDimension, Config.HiddenDimension, Config.VocabularySize, Config.NormEpsilon),
        [.. Compute.Blocks.SelectMany(b => new[] { b.AttentionNorm, b.QueryKeyValue, b.Output, b.MlpNorm, b.GateUp, b.Down }), Compute.FinalNorm, Compute.Head]);

    /// <summary>Master and copy of every stored tensor; norms, and all where products are f32, are one and the same.</summary>
    internal IEnumerable<(Tensor Master, Tensor Copy)> Pairs() => Masters.Stored.Zip(Compute.Stored, (m, c) => (m.Tensor, c.Tensor));

    /// <summary>The weights as a file holds them: the products' copies (norms f32), so that what was measured is what is saved.</summary>
    public IEnumerable<TensorData> Export() => Names.Select(name => TensorConversion.ToData(name, Compute[name]));

    public void Dispose()
    {
        Masters.Dispose();
        Compute.Dispose();
    }

    private IEnumerable<Tensor> All() => Masters.Stored.Concat(Compute.Stored).Select(s => s.Tensor).Distinct();

    private LlamaParameters Cloned(LlamaParameters parameters)
    {
        var byName = parameters.Stored.ToDictionary(s => s.Name, s => s.Tensor);
        return new LlamaParameters(Config, (name, _) =>
        {
            using var plain = byName[name].detach();
            return plain.clone();
        });
    }

    private static LlamaParameters CopiesOf(LlamaConfig config, LlamaParameters masters, ScalarType type)
    {
        if (type == ScalarType.Float32) return masters;
        using var off = no_grad();
        var byName = masters.Stored.ToDictionary(s => s.Name, s => s.Tensor);
        return new LlamaParameters(config, (name, shape) => shape.Length == 1 ? byName[name] : byName[name].to(type));
    }

    private static float[] Draw(LlamaConfig config, string name, long seed)
    {
        var shape = config.Shapes().First(s => s.Name == name).Shape;
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        if (shape.Length == 1)
        {
            Array.Fill(values, 1f);
            return values;
        }
        var deviation = 0.02;
        if (name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal))
            deviation /= Math.Sqrt(2.0 * config.Layers);
        Gaussian.Fill(values, deviation, DeterministicRandom.For(seed, name));
        return values;
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

    /// <summary>f32, on the CPU; detached from scopes.</summary>
    public static Tensor FromData(TensorData data, string source)
    {
        using var scope = NewDisposeScope();
        return tensor(TensorDTypes.ToSingles(data.DType, data.Bytes.Span, $"{source}: tensor '{data.Name}'")).view(data.Shape).clone().DetachFromDisposeScope();
    }

    public static Tensor FromArray(long[] values, params long[] shape) => tensor(values).view(shape);

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
