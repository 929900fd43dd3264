using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Each fused operator against the same composed of plain ones in f32, values and gradients.</summary>
[Collection(nameof(Alone))]
public class FusedTests
{
    // bf16 has 8 bits: a result differs from the exact one by half a unit in its last place, 2^-9 of itself, and inputs round too.
    private static double Tolerance(ScalarType type) => type == ScalarType.BFloat16 ? 2e-2 : 1e-5;

    /// <summary>Runs a function fused in a type, at each level of kernels, and composed in f32 on the same inputs, and compares what it gives and
    /// its gradients.</summary>
    private static void Compare(ScalarType type, Func<Tensor[], Tensor> function, params Tensor[] inputs) => AtEachLevel(() => CompareHere(type, function, inputs));

    private static void CompareHere(ScalarType type, Func<Tensor[], Tensor> function, Tensor[] inputs)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] fused = [.. inputs.Select(input => input.to(type, copy: true).requires_grad_())];
        // The composed path sees the inputs as rounded, so that only the arithmetic differs.
        Tensor[] composed = [.. fused.Select(input => input.detach().to(ScalarType.Float32, copy: true).requires_grad_())];
        Tensor actual = function(fused);
        Assert.Equal(type, actual.dtype);
        Tensor expected = Composed(() => function(composed));
        Assert.InRange(Distance(actual, expected), 0, Tolerance(type));
        Tensor seed = Random(99, expected.shape).to(type);
        actual.backward([seed]);
        expected.backward([seed.to(ScalarType.Float32)]);
        foreach ((Tensor a, Tensor b) in fused.Zip(composed))
        {
            Assert.Equal(type, a.grad!.dtype);
            Assert.InRange(Distance(a.grad!, b.grad!), 0, Tolerance(type));
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void RmsNorm_is_the_composed_one(ScalarType type) =>
        Prop.ForAll(Shapes(), shape =>
        {
            using DisposeScope scope = NewDisposeScope();
            (long rows, long width) = shape;
            Compare(type, x => TorchExtras.RmsNorm(x[0], x[1], 1e-5), Random(1, 2, rows, width), Random(2, width));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void RmsNorm_takes_f32_weights_beside_bf16_inputs()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Random(1, 70, 48).to(ScalarType.BFloat16).requires_grad_(), weight = Random(2, 48).requires_grad_();
        TorchExtras.RmsNorm(x, weight, 1e-5).to(ScalarType.Float32).square().sum().backward();
        Assert.Equal(ScalarType.Float32, weight.grad!.dtype);
        Assert.Equal(ScalarType.BFloat16, x.grad!.dtype);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void SwiGlu_is_the_composed_one(ScalarType type) =>
        Prop.ForAll(Shapes(), shape =>
        {
            using DisposeScope scope = NewDisposeScope();
            (long rows, long width) = shape;
            Compare(type, x => TorchExtras.SwiGlu(x[0], x[1]), Random(1, rows, width), Random(2, rows, width));
            Compare(type, x => TorchExtras.SwiGlu(x[0]), Random(3, 2, rows, 2 * width));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Rotate_is_the_composed_one(ScalarType type) =>
        Prop.ForAll(Shapes(), shape =>
        {
            using DisposeScope scope = NewDisposeScope();
            (long length, long half) = shape;
            Tensor angles = Random(5, 1, length, 1, half);
            Tensor perRow = Random(6, 2, length, 1, half);
            Compare(type, x => TorchExtras.Rotate(x[0], angles.cos(), angles.sin()), Random(1, 2, length, 3, 2 * half));
            Compare(type, x => TorchExtras.Rotate(x[0], perRow.cos(), perRow.sin()), Random(1, 2, length, 1, 2 * half));
            // A slice of a packed projection: rows lie apart.
            Compare(type, x => TorchExtras.Rotate(x[0].narrow(2, 1, 2), angles.cos(), angles.sin()), Random(1, 2, length, 4, 2 * half));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(2, 1, 2, 1, 16)]
    [InlineData(1, 5, 4, 2, 32)]
    [InlineData(2, 32, 2, 2, 32)]
    [InlineData(3, 33, 6, 2, 48)]
    [InlineData(2, 100, 4, 1, 64)]
    [InlineData(1, 257, 2, 1, 128)]
    [InlineData(1, 40, 3, 3, 80)]
    public void CausalAttention_is_the_composed_one(long batch, long length, long heads, long groups, long width)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = [Random(1, batch, length, heads, width), Random(2, batch, length, groups, width), Random(3, batch, length, groups, width)];
        Compare(ScalarType.BFloat16, x => TorchExtras.CausalAttention(x[0], x[1], x[2]), inputs);
        Compare(ScalarType.Float32, x => TorchExtras.CausalAttention(x[0], x[1], x[2]), inputs);
        // Not drawn: in a row of one position the queries' gradient is zero, and a relative distance from it means nothing.
        Tensor lengths = tensor([.. Enumerable.Range(0, (int)batch).Select(row => length - (row * length / 3))]);
        Compare(ScalarType.BFloat16, x => TorchExtras.CausalAttention(x[0], x[1], x[2], lengths), inputs);
        // Slices of one packed projection: rows lie apart.
        Tensor packed = Random(4, batch, length, heads + 2 * groups, width);
        Compare(
            ScalarType.BFloat16,
            x => TorchExtras.CausalAttention(x[0].narrow(2, 0, heads), x[0].narrow(2, heads, groups), x[0].narrow(2, heads + groups, groups)),
            packed);
    }

    [Theory]
    [InlineData(ScalarType.BFloat16, 32)]
    [InlineData(ScalarType.BFloat16, 8)] // too narrow for tiles: composed
    [InlineData(ScalarType.Float32, 16)]
    public void Sequences_one_after_another_attend_as_each_alone(ScalarType type, long width)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = [Random(1, 1, 90, 4, width), Random(2, 1, 90, 2, width), Random(3, 1, 90, 2, width)];
        (long Start, long Count)[] spans = [(0, 33), (33, 1), (40, 0), (41, 40)]; // with a gap, and an end that belongs to none
        Tensor lengths = tensor(spans.SelectMany(s => new[] { s.Start, s.Count }).ToArray()).view(-1, 2);
        Compare(type, x => TorchExtras.CausalAttention(x[0], x[1], x[2], lengths), inputs);
        Tensor whole = TorchExtras.CausalAttention(inputs[0].to(type), inputs[1].to(type), inputs[2].to(type), lengths);
        foreach ((long start, long count) in spans.Where(s => s.Count > 0))
        {
            Tensor alone = TorchExtras.CausalAttention(
                inputs[0].narrow(1, start, count).to(type), inputs[1].narrow(1, start, count).to(type), inputs[2].narrow(1, start, count).to(type));
            Assert.InRange(Distance(whole.narrow(1, start, count), alone), 0, Tolerance(type));
        }
        Assert.Equal(0, whole.narrow(1, 81, 9).to(ScalarType.Float32).abs().max().item<float>());
        Assert.ThrowsAny<Exception>(() => TorchExtras.CausalAttention(inputs[0].to(type), inputs[1].to(type), inputs[2].to(type), tensor(new long[] { 80, 11 }).view(1, 2)));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void LowRankAdd_is_the_composed_one(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        // Written over y, which therefore comes from another operation.
        Compare(type, x => TorchExtras.LowRankAdd(x[0].mul(1), x[1], x[2], x[3], 0.5), Random(1, 12, 7), Random(2, 12, 5), Random(3, 3, 2, 5), Random(4, 3, 7, 2));
        Assert.ThrowsAny<Exception>(() => TorchExtras.LowRankAdd(Random(1, 12, 7), Random(2, 12, 5), Random(3, 5, 2, 5), Random(4, 5, 7, 2), 1));
    }

    [Fact]
    public void Attention_by_the_library_is_attention_by_products()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = Random(1, 2, 9, 6, 8), k = Random(2, 2, 9, 2, 8), v = Random(3, 2, 9, 2, 8);
        Assert.InRange(Distance(TorchExtras.Library(q, k, v), TorchExtras.Products(q, k, v)), 0, 1e-5);
    }

    [Fact]
    public void CausalAttention_does_not_see_the_future_nor_disturb_products_beside_it()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = Random(1, 2, 64, 4, 32).to(ScalarType.BFloat16), k = Random(2, 2, 64, 4, 32).to(ScalarType.BFloat16);
        Tensor a = Random(3, 96, 128).to(ScalarType.BFloat16), product = a.matmul(a.t());
        Tensor before = TorchExtras.CausalAttention(q, k, k);
        // libtorch's own products use the same tile registers.
        Assert.Equal(0, Distance(a.matmul(a.t()), product));
        k[TensorIndex.Colon, 50] = zeros([2, 4, 32], ScalarType.BFloat16);
        Tensor after = TorchExtras.CausalAttention(q, k, k);
        Assert.Equal(0, Distance(after.narrow(1, 0, 50), before.narrow(1, 0, 50)));
        Assert.NotEqual(0, Distance(after.narrow(1, 50, 14), before.narrow(1, 50, 14)));
        Assert.ThrowsAny<Exception>(() => TorchExtras.CausalAttention(q, k.narrow(2, 0, 3), k.narrow(2, 0, 3)));
    }

    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.BFloat16, false)]
    [InlineData(ScalarType.Float32, true)]
    public void CrossEntropy_is_the_composed_one(ScalarType type, bool overwrite) => AtEachLevel(() =>
        Prop.ForAll(Shapes(), shape =>
        {
            using DisposeScope scope = NewDisposeScope();
            (long rows, long classes) = shape;
            using var generator = new Generator(3);
            Tensor targets = randint(0, classes, [rows], generator: generator);
            targets[0] = tensor(-100L);
            Tensor weights = rand([rows], generator: generator);
            Tensor exact = (Random(1, rows, classes) * 3).to(type);
            Tensor fused = exact.clone().requires_grad_(), composed = exact.to(ScalarType.Float32, copy: true).requires_grad_();

            // Overwriting needs a tensor that is not a leaf.
            (Tensor total, Tensor losses) = TorchExtras.CrossEntropy(fused.mul(1), targets, weights, overwrite);
            Tensor each = nn.functional.cross_entropy(composed, targets, reduction: nn.Reduction.None);
            Tensor expected = (each * weights).sum();

            Assert.InRange(Distance(losses, each), 0, 1e-5);
            Assert.InRange(Distance(total, expected), 0, 1e-5);
            (total * 2).backward();
            (expected * 2).backward();
            Assert.InRange(Distance(fused.grad!, composed.grad!), 0, Tolerance(type));
            Assert.False(losses.requires_grad);

            Tensor plain = exact.clone().requires_grad_();
            TorchExtras.CrossEntropy(plain, targets).Total.backward();
            composed.grad = null;
            nn.functional.cross_entropy(composed, targets, reduction: nn.Reduction.Sum).backward();
            Assert.InRange(Distance(plain.grad!, composed.grad!), 0, Tolerance(type));
        }).QuickCheckThrowOnFailure());

    [Fact]
    public void CrossEntropy_holds_far_from_zero() => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = tensor(new float[,] { { 1000, 0, -1000 }, { -2000, -2001, -2000 } });
        (Tensor _, Tensor losses) = TorchExtras.CrossEntropy(logits, tensor(new long[] { 0, 1 }));
        Assert.Equal(0, losses[0].item<float>(), 1e-6);
        Assert.Equal(1 + Math.Log(2 + Math.Exp(-1)), losses[1].item<float>(), 1e-5);
        Assert.ThrowsAny<Exception>(() => TorchExtras.CrossEntropy(logits, tensor(new long[] { 0, 3 })));
    });

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void AdamW_is_the_composed_one_and_writes_the_copy(ScalarType gradients) => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        long[][] shapes = [[3], [130, 70], [20000], [1]];
        (Tensor[] Master, Tensor?[] Copy, Tensor?[] Gradient, Tensor[] Mean, Tensor[] Variance) Make() => (
            [.. shapes.Select((shape, i) => Random((ulong)i, shape))],
            [.. shapes.Select((shape, i) => i == 2 ? null : zeros(shape, ScalarType.BFloat16))],
            [.. shapes.Select((shape, i) => i == 3 ? null : Random(10 + (ulong)i, shape).to(gradients))],
            [.. shapes.Select(shape => zeros(shape))],
            [.. shapes.Select(shape => zeros(shape))]);
        var a = Make();
        var b = Make();
        for (int number = 1; number <= 3; number++)
        {
            var step = new AdamWStep(number, 0.01, 0.9, 0.95, 1e-8, 0.1, 0.5);
            TorchExtras.AdamW(a.Master, a.Copy, a.Gradient, a.Mean, a.Variance, step);
            TorchExtras.UseFused = false;
            TorchExtras.AdamW(b.Master, b.Copy, b.Gradient, b.Mean, b.Variance, step);
            TorchExtras.UseFused = true;
        }
        for (int i = 0; i < shapes.Length; i++)
        {
            Assert.InRange(Distance(a.Master[i], b.Master[i]), 0, 1e-6);
            Assert.InRange(Distance(a.Variance[i], b.Variance[i]), 0, 1e-6);
            if (a.Copy[i] is { } copy && a.Gradient[i] is not null)
                Assert.Equal(0, Distance(copy, a.Master[i].to(ScalarType.BFloat16)));
        }
        Assert.Equal(0, Distance(a.Master[3], Random(3, 1)));
    });

    [Fact]
    public void The_norm_is_of_all_tensors_together() => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = Random(1, 33000), b = Random(2, 5, 7);
        double expected = cat([a, b.flatten()]).norm().item<float>();
        Assert.Equal(expected, TorchExtras.Norm([a, null, b]), expected * 1e-5);
        Assert.Equal(0, TorchExtras.Norm([]));
    });

    [Fact]
    public void Fused_operators_leave_no_tensor_behind()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Engine.LiveTensors;
        RmsNorm_takes_f32_weights_beside_bf16_inputs();
        AdamW_is_the_composed_one_and_writes_the_copy(ScalarType.BFloat16);
        CrossEntropy_holds_far_from_zero();
        Assert.Equal(before, Engine.LiveTensors);
    }

    [Fact]
    public void Fused_operators_name_themselves_in_errors()
    {
        using DisposeScope scope = NewDisposeScope();
        var error = Assert.ThrowsAny<Exception>(() => TorchExtras.RmsNorm(ones(2, 3), ones(4), 1e-5));
        Assert.Contains("RmsNorm", error.Message);
        Assert.Contains("[2, 3]", error.Message);
        Assert.ThrowsAny<Exception>(() => TorchExtras.SwiGlu(ones(2, 3)));
        Assert.ThrowsAny<Exception>(() => TorchExtras.Rotate(ones(1, 2, 3, 4), ones(1, 3, 1, 2), ones(1, 3, 1, 2)));
        Assert.ThrowsAny<Exception>(() => TorchExtras.AdamW([ones(2)], null, [ones(3)], [zeros(2)], [zeros(2)], new AdamWStep(1, 0.1)));
    }

    // Rows and widths on both sides of a vector's length. (Several threads' shares: KernelLibraryTests.)
    private static Arbitrary<(long, long)> Shapes() =>
        Gen.Elements(1L, 2, 7, 64, 129).Zip(Gen.Elements(2L, 3, 16, 31, 96, 300), (rows, width) => (rows, width)).ToArbitrary();
}
