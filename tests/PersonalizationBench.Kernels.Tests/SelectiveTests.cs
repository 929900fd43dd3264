using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Mamba's mixer over sequences that share a row or are shorter than theirs, against each sequence alone.</summary>
public class SelectiveTests
{
    /// <summary>So wide that a stretch of tokens is 16 of four sequences, and 64 of one.</summary>
    private static readonly SelectiveShape Shape = new(Inner: 1024, StateSize: 16, StepRank: 3);

    private static SelectiveWeights Weights() => new(
        Random(1, 1024, 4) * 0.5, Random(2, 1024) * 0.2, Random(3, 35, 1024) * 0.03, Random(4, 1024, 3), Random(5, 1024) - 1, Random(6, 1024, 16), Random(7, 1024));

    private static StateSpaceMemory Memory(long rows) => new(ones([rows, 3, 1024]), ones([rows, 1024, 16]));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_sequence_is_as_it_is_alone(bool inOneRow)
    {
        using DisposeScope scope = NewDisposeScope();
        // In one row with a gap, and an end that belongs to none; else behind each row's end.
        (long Start, long Count)[] spans = [(0, 33), (33, 1), (40, 2), (45, 20)];
        Tensor projected = (inOneRow ? Random(8, 1, 70, Shape.Projected) : Random(8, 4, 33, Shape.Projected)).requires_grad_();
        Tensor lengths = inOneRow ? tensor(spans.SelectMany(s => new[] { s.Start, s.Count }).ToArray()).view(-1, 2) : tensor(spans.Select(s => s.Count).ToArray());
        SelectiveWeights weights = Weights();
        StateSpaceMemory kept = Memory(4);
        Tensor whole = TorchExtras.Selective(projected, weights, Shape, lengths, kept), seed = Random(9, whole.shape);
        Tensor expected = zeros(whole.shape), gradients = zeros(projected.shape);
        whole.backward([seed]);
        for (int s = 0; s < spans.Length; s++)
        {
            Tensor alone = Part(projected).detach().clone().requires_grad_();
            StateSpaceMemory own = Memory(1);
            Tensor y = TorchExtras.Selective(alone, weights, Shape, null, own);
            y.backward([Part(seed)]);
            Part(expected).copy_(y.detach());
            Part(gradients).copy_(alone.grad!);
            Assert.InRange(Distance(kept.States[s], own.States[0]), 0, 1e-5);
            Assert.Equal(0, Distance(kept.Inputs[s], own.Inputs[0]));

            Tensor Part(Tensor all) => inOneRow ? all.narrow(1, spans[s].Start, spans[s].Count) : all.narrow(0, s, 1).narrow(1, 0, spans[s].Count);
        }
        Assert.InRange(Distance(whole, expected), 0, 1e-5);
        Assert.InRange(Distance(projected.grad!, gradients), 0, 1e-5);
    }
}
