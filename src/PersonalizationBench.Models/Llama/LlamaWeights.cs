using PersonalizationBench.Core;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// A Llama's weights: f32 masters, and copies in the precision of the products (the same tensors where that is f32).
/// Rotary dimensions are stored in Hugging Face's order: the first half of a head turns with the second.
/// </summary>
public sealed class LlamaWeights : IDisposable
{
    public LlamaConfig Config => throw new NotImplementedException();

    /// <summary>Draws weights: normal with deviation 0.02, residual projections scaled by 1 / sqrt(2 layers), norms 1.</summary>
    public static LlamaWeights Initialise(LlamaConfig config, long seed, Precision precision, string device = "cpu") => throw new NotImplementedException();

    /// <summary>Takes tensors by Hugging Face's names; a missing or misshapen one is a <see cref="PbenchException"/> naming <paramref name="source"/> and the tensor.
    /// The tensors are copied.</summary>
    public static LlamaWeights FromTensors(LlamaConfig config, IReadOnlyDictionary<string, Tensor> tensors, Precision precision, string device, string source) => throw new NotImplementedException();

    /// <summary>The f32 master of a weight.</summary>
    public Tensor Master(string name) => throw new NotImplementedException();

    public LlamaWeights Clone() => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
