using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Models.Tests;

/// <summary>Steps of training in one call against the same composed of operators, in f32.</summary>
public sealed class PackedLlamaTests
{
    // Wide enough for tiles; neither the hidden width, the vocabulary nor a row's length is a multiple of a tile's.
    private static readonly DecoderConfig Shape = TinyModels.Grouped with { Dimension = 64, HiddenDimension = 72, ContextLength = 300 };

    [Theory]
    [InlineData(1, 2, null)]
    [InlineData(3, 8, null)]
    [InlineData(2, 24, null)]
    [InlineData(3, 3, "q_proj,down_proj")]
    public void Loss_and_gradients_are_those_of_the_operators(int groups, int rank, string? modules)
    {
        using var narrow = TinyModels.Load(Shape, Precision.BFloat16, gain: 3);
        using var wide = TinyModels.Load(Shape, gain: 3);
        using var frozen = narrow.Weights.TryPack();
        if (frozen is null) return; // no tiles on this machine: the operators are all there is
        using var scope = NewDisposeScope();
        var lora = new LoraOptions { Rank = rank, Alpha = 2 * rank };
        if (modules is not null) lora = lora with { TargetModules = modules.Split(',') };
        using var bank = AdapterBankTests.Filled(Shape, groups, lora);
        var random = new DeterministicRandom(5);
        // One longer than what is taken at a time, one of a single token, and positions that are no target.
        var rows = Enumerable.Range(0, groups).SelectMany(_ => new[] { 250, 33, 2, 41, 40 }).Select(length => new TokenSequence(
            TinyModels.Tokens(Shape, length, random), [.. Enumerable.Range(0, length).Select(t => t % 3 == 0 ? 0.5f : t % 7 == 0 ? 0f : 1f)])).ToList();
        var batch = new TrainingBatch(rows, groups);

        var (exactLoss, exact) = Run(wide, bank, batch, ScalarType.Float32, null);
        var (loss, gradients) = Run(narrow, bank, batch, ScalarType.BFloat16, frozen);
        var (_, byOperators) = Run(narrow, bank, batch, ScalarType.BFloat16, null);

        Assert.All(exactLoss.Zip(loss), p => Assert.Equal(p.First, p.Second, 2e-3 * p.First));
        for (var i = 0; i < exact.Count; i++)
        {
            var (own, theirs) = (Error(gradients[i], exact[i]), Error(byOperators[i], exact[i]));
            // What bf16 operands cost, and no more than the operators' own bf16 does.
            Assert.True(own <= Math.Max(0.02, 1.5 * theirs), $"tensor {i}: {own} of the gradient's size, by operators {theirs}");
        }
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 2)]
    public void All_weights_have_the_gradients_of_the_operators(bool tied, int threads)
    {
        var shape = Shape with { TiedHead = tied, ContextLength = 700 };
        using var narrow = TinyModels.Load(shape, Precision.BFloat16, gain: 3);
        using var wide = TinyModels.Load(shape, gain: 3);
        using (var packed = narrow.Weights.TryPack())
            if (packed is null) return; // no tiles on this machine: the operators are all there is
        var random = new DeterministicRandom(5);
        // One longer than what is taken at a time, so many that runs and shares are several, and positions that are no target.
        var batch = new TrainingBatch([.. new[] { 650, 33, 2, 41, 240, 240, 200, 7 }.Select(length => new TokenSequence(
            TinyModels.Tokens(shape, length, random), [.. Enumerable.Range(0, length).Select(t => t % 3 == 0 ? 0.5f : t % 7 == 0 ? 0f : 1f)]))], 1);

        var before = get_num_threads();
        set_num_threads(threads);
        try
        {
            using var scope = NewDisposeScope();
            var (exactLoss, exact) = Backward(wide, batch, byOperators: true);
            var (loss, gradients) = Backward(narrow, batch, byOperators: false);
            var (_, byOperators) = Backward(narrow, batch, byOperators: true);
            var (again, same) = Backward(narrow, batch, byOperators: false);

            Assert.Equal(exactLoss, loss, 2e-3 * exactLoss);
            Assert.Equal(loss, again);
            foreach (var (name, gradient) in exact)
            {
                var (own, theirs) = (Error(gradients[name], gradient), Error(byOperators[name].to(ScalarType.Float32), gradient));
                Assert.True(own <= Math.Max(0.02, 1.5 * theirs), $"{name}: {own} of the gradient's size, by operators {theirs}");
                Assert.Equal(gradients[name].data<float>().ToArray(), same[name].data<float>().ToArray());
            }
        }
        finally
        {
            set_num_threads(before);
        }

        static (float Loss, Dictionary<string, Tensor> Gradients) Backward(LoadedBase loaded, TrainingBatch batch, bool byOperators)
        {
            using var model = new WholeModel(loaded.Weights, byOperators);
            var (loss, gradients) = model.Backward(batch, loaded.Rotary);
            return (loss, model.Tensors.Zip(gradients).ToDictionary(p => p.First.Name, p => p.Second.clone()));
        }
    }

    private static (float[] Losses, List<Tensor> Gradients) Run(LoadedBase loaded, AdapterBank bank, TrainingBatch batch, ScalarType type, PackedLlama? frozen)
    {
        var pairs = new (Tensor, Tensor)?[Shape.Layers, Shape.Projections.Count];
        var leaves = new List<Tensor>();
        foreach (var site in bank.Sites)
        {
            var (a, b) = (site.A.to(type, copy: true).requires_grad_(), site.B.to(type, copy: true).requires_grad_());
            pairs[site.Layer, site.Projection] = (a, b);
            leaves.AddRange([a, b]);
        }
        var (total, losses) = batch.Losses(loaded.Weights, loaded.Rotary, new AdapterRows(Shape, bank.Options.Scaling, pairs), frozen);
        total.backward();
        return (losses.data<float>().ToArray(), leaves.ConvertAll(l => l.grad!.to(ScalarType.Float32)));
    }

    private static double Error(Tensor actual, Tensor exact) => ((actual - exact).norm() / (exact.norm() + 1e-12)).item<float>();
}
