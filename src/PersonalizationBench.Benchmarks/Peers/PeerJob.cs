using System.Globalization;
using System.Text.Json.Serialization;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Benchmarks;

/// <summary>The numbers of AdamW that both sides train by.</summary>
/// <param name="LearningRate">of the first step</param>
/// <param name="ClipNorm">0: gradients are taken as they are</param>
public readonly record struct PeerOptimizer(double LearningRate, double Beta1, double Beta2, double WeightDecay, double ClipNorm)
{
    public static PeerOptimizer Of(AdapterTrainingOptions training) => new(training.LearningRate, training.Beta1, training.Beta2, training.WeightDecay, training.ClipNorm);

    public static PeerOptimizer Of(PretrainConfig config) => new(config.Stages[0].LearningRate, config.Beta1, config.Beta2, config.WeightDecay, config.ClipNorm);
}

/// <summary>What a peer's script is told, as its JSON file has it.</summary>
public abstract record PeerJob([property: JsonIgnore] DecoderConfig Model, [property: JsonIgnore] PeerOptimizer Optimizer)
{
    public int HiddenSize => Model.Dimension;
    public int NumAttentionHeads => Model.Heads;
    public int NumKeyValueHeads => Model.KeyValueHeads;
    public int NumHiddenLayers => Model.Layers;
    public double RopeTheta => Model.RopeTheta;
    public double RmsNormEps => Model.NormEpsilon;
    /// <summary>float32 or bfloat16.</summary>
    public required string Precision { get; init; }
    public required int Threads { get; init; }
    /// <summary>safetensors, f32, Hugging Face's names.</summary>
    public required string Weights { get; init; }
    public double LearningRate => Optimizer.LearningRate;
    public double Beta1 => Optimizer.Beta1;
    public double Beta2 => Optimizer.Beta2;
    public double WeightDecay => Optimizer.WeightDecay;
    public double ClipNorm => Optimizer.ClipNorm;
}

/// <summary>For <c>train_step.py</c>.</summary>
public sealed record TrainStepJob(DecoderConfig Model, PeerOptimizer Optimizer) : PeerJob(Model, Optimizer)
{
    public required int Rows { get; init; }
    public required int Length { get; init; }
    /// <summary>int64 little-endian, [batches, rows, length + 1].</summary>
    public required string Tokens { get; init; }
}

/// <summary>For <c>train_adapters.py</c>.</summary>
public sealed record TrainAdaptersJob(DecoderConfig Model, PeerOptimizer Optimizer) : PeerJob(Model, Optimizer)
{
    /// <summary>s of every update s B A x.</summary>
    public required double Scaling { get; init; }
    public required IReadOnlyList<AdapterJobUser> Users { get; init; }
}

/// <param name="Adapter">PEFT's folder of what the user begins with.</param>
public sealed record AdapterJobUser(string Adapter, IReadOnlyList<AdapterJobStep> Steps)
{
    /// <summary>Writes what the user begins with under <paramref name="folder"/>, for the peer to read.</summary>
    /// <param name="bank">Its first slot is used.</param>
    public static AdapterJobUser Write(string folder, LoadedBase loaded, AdapterBank bank, SlotCorpus corpus, AdapterTrainingOptions training)
    {
        bank.Initialise(0, corpus.Seed);
        var adapter = Path.Combine(folder, "users", corpus.Slot.ToString(CultureInfo.InvariantCulture));
        PeftAdapterFile.Save(adapter, bank.Export(0, loaded.Info));
        return new AdapterJobUser(adapter, [.. AdapterTrainer.StepsOf(loaded, corpus, training).Select(AdapterJobStep.Of)]);
    }
}

/// <param name="Sequences">Token ids; the first is read and not predicted.</param>
public sealed record AdapterJobStep(double LearningRate, IReadOnlyList<int[]> Sequences)
{
    public static AdapterJobStep Of(AdapterStepData step) => new(step.LearningRate, [.. step.Sequences.Select(s => s.Ids)]);
}
