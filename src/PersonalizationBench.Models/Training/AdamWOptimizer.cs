using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models;

/// <summary>One trained tensor with its moments.</summary>
/// <param name="Name">For checkpoints.</param>
/// <param name="Master">f32; what is updated.</param>
/// <param name="Copy">The leaf of the graph, refreshed after each step; may be the master.</param>
/// <param name="Decays">Whether weight decay applies.</param>
internal sealed record TrainedTensor(string Name, Tensor Master, Tensor Copy, Tensor Mean, Tensor Variance, bool Decays)
{
    public static TrainedTensor Start(string name, Tensor master, Tensor copy, bool decays) =>
        new(name, master, copy, master.zeros_like().DetachFromDisposeScope(), master.zeros_like().DetachFromDisposeScope(), decays);

    /// <summary>The gradient that backward left on copy and master, f32 where both have one; taken away from them.</summary>
    public Tensor TakeGradient()
    {
        var gradient = Copy.grad;
        if (!ReferenceEquals(Copy, Master) && Master.grad is { } further)
        {
            gradient = gradient is null ? further : further.add_(gradient);
            Master.grad = null;
        }
        Copy.grad = null;
        return gradient ?? throw new InvalidOperationException($"{Name} got no gradient");
    }

    /// <summary>The first <paramref name="active"/> groups of the first dimension as a leaf of a new graph.</summary>
    public TrainedTensor Leaf(int active)
    {
        var master = Master.narrow(0, 0, active);
        var copy = ReferenceEquals(Copy, Master) ? master : Copy.narrow(0, 0, active);
        copy.requires_grad = true;
        return this with { Master = master, Copy = copy, Mean = Mean.narrow(0, 0, active), Variance = Variance.narrow(0, 0, active) };
    }

    public void DisposeMoments()
    {
        Mean.Dispose();
        Variance.Dispose();
    }
}

/// <summary>AdamW over tensors whose first dimension may be a group: each group's gradient is clipped by its own norm.</summary>
/// <param name="Groups">Size of the first dimension of every tensor; 1 where they are plain.</param>
internal sealed record AdamWOptimizer(IReadOnlyList<TrainedTensor> Tensors, int Groups, double Beta1, double Beta2, double WeightDecay, double ClipNorm)
{
    private const double Epsilon = 1e-8;

    /// <summary>Updates in place; returns each group's gradient norm before clipping.</summary>
    /// <param name="number">1 for the first step.</param>
    /// <param name="computed">Of each tensor; null: what backward left.</param>
    public double[] Step(int number, double learningRate, IReadOnlyList<Tensor>? computed = null)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var gradients = computed?.ToArray() ?? [.. Tensors.Select(t => t.TakeGradient())];
        var norms = DecoderOps.GroupNorms(gradients, Groups);
        var scales = norms.Select(n => ClipNorm > 0 && n > ClipNorm ? ClipNorm / n : 1.0).ToArray();
        if (Groups > 1 && scales.Any(s => s != 1))
        {
            var perGroup = tensor(scales.Select(s => (float)s).ToArray()).to(gradients[0].device);
            for (var i = 0; i < gradients.Length; i++)
                gradients[i] = gradients[i].mul(perGroup.view([Groups, .. Enumerable.Repeat(1L, (int)gradients[i].dim() - 1)]));
        }
        foreach (var decays in new[] { true, false })
        {
            var chosen = Enumerable.Range(0, Tensors.Count).Where(i => Tensors[i].Decays == decays).ToArray();
            TorchExtras.AdamW(
                [.. chosen.Select(i => Tensors[i].Master)],
                [.. chosen.Select(i => ReferenceEquals(Tensors[i].Copy, Tensors[i].Master) ? null : Tensors[i].Copy)],
                [.. chosen.Select(i => gradients[i])],
                [.. chosen.Select(i => Tensors[i].Mean)],
                [.. chosen.Select(i => Tensors[i].Variance)],
                new AdamWStep(number, learningRate, Beta1, Beta2, Epsilon, decays ? WeightDecay : 0, Groups == 1 ? scales[0] : 1));
        }
        return norms;
    }
}
