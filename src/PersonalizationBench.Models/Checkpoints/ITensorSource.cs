using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>Tensors by name, each read when asked for.</summary>
public interface ITensorSource
{
    /// <summary>What errors call it.</summary>
    string Name { get; }

    IReadOnlyCollection<string> TensorNames { get; }

    /// <summary>Element type and sizes of a tensor that is there.</summary>
    (string DType, long[] Shape) Describe(string name);

    /// <summary>A floating-point tensor as f32.</summary>
    float[] ReadSingles(string name);
}

/// <summary>Makes a model's weights of what its files hold, while they are open.</summary>
public delegate DecoderWeights WeightsReader(DecoderConfig config, ITensorSource tensors);

/// <summary>Tensors in memory.</summary>
public sealed class TensorList(IEnumerable<TensorData> tensors, string source) : ITensorSource
{
    private readonly Dictionary<string, TensorData> _byName = tensors.ToDictionary(t => t.Name);

    public string Name => source;

    public IReadOnlyCollection<string> TensorNames => _byName.Keys;

    public (string DType, long[] Shape) Describe(string name) => (_byName[name].DType, _byName[name].Shape);

    public float[] ReadSingles(string name) => TensorDTypes.ToSingles(_byName[name].DType, _byName[name].Bytes.Span, $"{source}: tensor '{name}'");
}
