using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Models;
using PersonalizationBench.Kernels;

namespace PersonalizationBench.Pretraining;

/// <summary>The shape of a model that is to be pretrained; the vocabulary is the tokenizer's.</summary>
public sealed record ModelSpec : IValidatableObject
{
    private const string Transformer = "transformer", Mamba2 = "mamba2";

    /// <summary>transformer: a Llama; mamba2: Mamba-2 mixers alone.</summary>
    [AllowedValues(Transformer, Mamba2, ErrorMessage = "expected transformer or mamba2")]
    public string Architecture { get; init; } = Transformer;

    [Range(1, 1 << 16)] public required int Dimension { get; init; }
    [Range(1, 1 << 10)] public required int Layers { get; init; }

    /// <summary>Heads of attention, or of the state space.</summary>
    [Range(1, 1 << 10)] public required int Heads { get; init; }

    [Range(2, 1 << 20)] public required int Context { get; init; }

    /// <summary>The output projection is the embedding.</summary>
    public bool Tied { get; init; } = true;

    /// <summary>Of a transformer; default: as many as <see cref="Heads"/>.</summary>
    [Range(1, 1 << 10)] public int? KvHeads { get; init; }

    /// <summary>Width of a transformer's second half.</summary>
    [Range(1, 1 << 18)] public int? Hidden { get; init; }

    /// <summary>Of a transformer; default: 10000.</summary>
    [Range(1.0, 1e12)] public double? RopeTheta { get; init; }

    /// <summary>Values that each channel of a Mamba-2 keeps.</summary>
    [Range(1, 1 << 12)] public int? State { get; init; }

    /// <summary>Width of a Mamba-2's mixer over the model's; default: 2.</summary>
    [Range(1, 16)] public int? Expand { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var isTransformer = Architecture == Transformer;
        if (isTransformer != Hidden is not null) yield return new ValidationResult(isTransformer ? "hidden is missing" : "hidden: a mamba2 has none", [nameof(Hidden)]);
        if (isTransformer == State is not null) yield return new ValidationResult(isTransformer ? "state: a transformer has none" : "state is missing", [nameof(State)]);
        if (isTransformer && Expand is not null) yield return new ValidationResult("expand: a transformer has none", [nameof(Expand)]);
        if (!isTransformer && KvHeads is not null) yield return new ValidationResult("kv_heads: a mamba2 has none", [nameof(KvHeads)]);
        if (!isTransformer && RopeTheta is not null) yield return new ValidationResult("rope_theta: a mamba2 has none", [nameof(RopeTheta)]);
        if (!isTransformer && Inner % Heads != 0) yield return new ValidationResult($"heads: expected a divisor of expand x dimension = {Inner}, not {Heads}", [nameof(Heads)]);
    }

    public DecoderConfig ToConfig(int vocabulary) => Architecture == Transformer
        ? new DecoderConfig(vocabulary, Dimension, Layers, Heads, KvHeads ?? Heads, Hidden!.Value, Context, RopeTheta ?? 10000, TiedHead: Tied)
        : new DecoderConfig(vocabulary, Dimension, Layers, 0, 0, 0, Context, TiedHead: Tied) { ModelType = Mamba2, StateSpace = new StateSpaceShape(Heads, Inner / Heads, State!.Value) };

    private int Inner => (Expand ?? 2) * Dimension;
}
