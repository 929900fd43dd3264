using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>All weights of a model as trained tensors, for the time of a using block.</summary>
internal sealed class WholeModel : IDisposable
{
    private readonly DecoderWeights _weights;
    private readonly PackedLlama? _packed;
    private readonly int[] _packedOrder = [];

    /// <summary>Matrices decay, norms do not.</summary>
    /// <param name="byOperators">Composes a step of operators even where one call could do it: for comparing the two.</param>
    public WholeModel(DecoderWeights weights, bool byOperators = false)
    {
        _weights = weights;
        weights.IsTraining = true;
        Tensors = [.. weights.Masters.Stored.Zip(weights.Compute.Stored, (master, copy) => TrainedTensor.Start(master.Name, master.Tensor, copy.Tensor, decays: master.Tensor.dim() > 1 && !WeightNames.NeverDecays(master.Name)))];
        _packed = byOperators ? null : weights.TryPack();
        if (_packed is null)
        {
            Require(true);
            return;
        }
        // Without a graph nothing requires a gradient.
        List<Tensor> packable = [.. weights.Packable, .. weights.Config.TiedHead ? [] : new[] { weights.Compute.Embedding }];
        _packedOrder = [.. Tensors.Select(t => packable.FindIndex(p => ReferenceEquals(p, t.Copy)))];
    }

    public IReadOnlyList<TrainedTensor> Tensors { get; }

    /// <summary>The batch's loss and the gradient of every tensor, in one call where that can be had; they live in the current scope.</summary>
    public (float Loss, IReadOnlyList<Tensor> Gradients) Backward(TrainingBatch batch, RotaryTable rotary)
    {
        if (_packed is null)
        {
            var loss = batch.Losses(_weights, rotary, null).Total;
            loss.backward();
            return (loss.item<float>(), [.. Tensors.Select(t => t.TakeGradient())]);
        }
        _packed.Repack(_weights.Packable);
        var (total, gradients) = batch.WeightGradients(_weights, rotary, _packed);
        return (total.item<float>(), [.. _packedOrder.Select(i => gradients[i])]);
    }

    public void Dispose()
    {
        _packed?.Dispose();
        _weights.IsTraining = false;
        _weights.Changed();
        Require(false);
        foreach (var tensor in Tensors) tensor.DisposeMoments();
    }

    private void Require(bool gradients)
    {
        foreach (var tensor in Tensors)
        {
            // An untied embedding is only looked up, in the master; its copy is no part of the graph.
            tensor.Copy.requires_grad = gradients;
            if (tensor.Name == WeightNames.Embedding) tensor.Master.requires_grad = gradients;
            if (gradients) continue;
            tensor.Copy.grad = null;
            tensor.Master.grad = null;
        }
        if (!gradients) _weights.Refresh();
    }
}
