using PersonalizationBench.Core;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>
/// The LoRA adapters of many users as stacked tensors: per adapted projection A <c>[slots, r, in]</c> and
/// B <c>[slots, out, r]</c>, f32. A batch carries a slot per row; one user at a time is the case of one slot.
/// </summary>
public sealed class AdapterBank : IDisposable
{
    /// <summary>All slots start as the base (A drawn with seed 0, B = 0). Throws <see cref="PbenchException"/> where the
    /// options do not fit the base.</summary>
    public AdapterBank(LlamaConfig config, int slots, LoraOptions options, string device = "cpu") => throw new NotImplementedException();

    public int Slots => throw new NotImplementedException();

    public LoraOptions Options => throw new NotImplementedException();

    public LlamaConfig Config => throw new NotImplementedException();

    /// <summary>Trainable parameters of one slot.</summary>
    public long ParametersPerSlot => throw new NotImplementedException();

    /// <summary>Starts a slot anew: A uniform as PEFT draws it (kaiming with a = sqrt 5: bound 1 / sqrt in), B = 0.
    /// The seed alone decides, not the slot's number.</summary>
    public void Initialise(int slot, long seed) => throw new NotImplementedException();

    /// <summary>A copy of a slot's tensors on the CPU, f32, by PEFT's names (<c>base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight</c>),
    /// sorted by name. The caller disposes them.</summary>
    public IReadOnlyDictionary<string, Tensor> Export(int slot) => throw new NotImplementedException();

    /// <summary>Overwrites a slot. Throws <see cref="PbenchException"/> for a missing, unknown or misshapen tensor, naming it.</summary>
    public void Import(int slot, IReadOnlyDictionary<string, Tensor> tensors) => throw new NotImplementedException();

    /// <summary>Copies a slot of another bank (same options) into a slot of this one.</summary>
    public void CopyFrom(AdapterBank source, int sourceSlot, int slot) => throw new NotImplementedException();

    /// <summary>SHA-256 over a slot's tensors by name.</summary>
    public string SlotDigest(int slot) => throw new NotImplementedException();

    /// <summary>W += s B A in every adapted projection.</summary>
    public void Merge(int slot, LlamaWeights weights) => throw new NotImplementedException();

    /// <summary>W -= s B A: the inverse of <see cref="Merge"/> up to rounding.</summary>
    public void Unmerge(int slot, LlamaWeights weights) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
