using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using static PersonalizationBench.Kernels.Tests.Comparing;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Mamba-2's mixer in three forms: fused, composed of operators chunk by chunk, and token by token.</summary>
[Collection(nameof(Alone))]
public class StateSpaceTests
{
    private const double Epsilon = 1e-5;

    private static readonly StateSpaceShape Typical = new(Heads: 6, HeadDimension: 32, StateSize: 32);

    // Shapes on both sides of a vector's and a chunk's length. At least eight channels a group: the norm takes out what scales all of a group's
    // channels alike, and of one channel that is all there is, of two nearly all, so that what remains of a gradient is rounding.
    private static readonly Arbitrary<(StateSpaceShape Shape, int Rows, long Length)> Cases = (
        from groups in Gen.Elements(1, 2, 3)
        from heads in Gen.Elements(1, 2, 3, 5, 8)
        from width in Gen.Elements(1, 4, 8, 16, 24, 32, 40).Where(w => heads * w >= 8)
        from state in Gen.Elements(1, 5, 16, 32, 48)
        from taps in Gen.Elements(1, 2, 4, 5)
        from bias in Gen.Elements(true, false)
        from bounded in Gen.Elements(true, false)
        from rows in Gen.Elements(1, 3)
        from length in Gen.Elements(1L, 2, 7, 16, 31, 32, 33, 64, 75, 129)
        select (new StateSpaceShape(groups * heads, width, state, groups, taps, ChunkSize: 20) { ConvolutionBias = bias, MinStep = bounded ? 0.2 : 0, MaxStep = bounded ? 0.8 : null }, rows, length)).ToArbitrary();

    private static StateSpaceWeights Weights(StateSpaceShape shape, bool learn = false, ScalarType type = ScalarType.Float32)
    {
        Tensor Leaf(Tensor x) => learn ? x.to(type).detach().requires_grad_() : x.to(type);
        return new StateSpaceWeights(
            Leaf(Random(1, shape.Mixed, shape.ConvolutionWidth) * 0.5), shape.ConvolutionBias ? Leaf(Random(2, shape.Mixed) * 0.2) : null, Leaf(Random(3, shape.Heads) - 1),
            Leaf(Random(4, shape.Heads)), Leaf(Random(5, shape.Heads)), Leaf(Random(6, shape.Inner) * 0.1 + 1));
    }

    private static (string Name, Tensor Tensor)[] Named(StateSpaceWeights w) =>
        [.. new[] { ("convolution", w.Convolution), ("bias", w.ConvolutionBias), ("step bias", w.StepBias), ("log decay", w.LogDecay), ("skip", w.Skip), ("norm", w.Norm) }.Where(n => n.Item2 is not null)!];

    private static StateSpaceMemory Memory(StateSpaceShape shape, long rows, ScalarType type) =>
        new(ones([rows, shape.ConvolutionWidth - 1, shape.Mixed], type), ones([rows, shape.Heads, shape.HeadDimension, shape.StateSize], type == ScalarType.Float64 ? type : ScalarType.Float32));

    private static Tensor Spans(params (long Start, long Count)[] spans) => tensor(spans.SelectMany(s => new[] { s.Start, s.Count }).ToArray()).view(-1, 2);

    /// <summary>
    /// Fused in a type against composed in f64 on the same inputs: values, gradients and what is remembered. In f64, since in f32 the
    /// composed form is itself off by 1e-4 where few channels are normalised, ten times as far as the fused one.
    /// </summary>
    private static void Compare(ScalarType type, StateSpaceShape shape, Tensor projected, Tensor? lengths)
    {
        using DisposeScope scope = NewDisposeScope();
        // A result in bf16 is off by half a unit in its last place; sums and weights are f32 in either.
        (double rounded, double exact) = (type == ScalarType.BFloat16 ? 1.0 / 256 : 1e-4, 1e-4);
        long sequences = lengths?.size(0) ?? projected.size(0);
        Tensor x = projected.to(type, copy: true).requires_grad_(), wide = x.detach().to(ScalarType.Float64, copy: true).requires_grad_();
        (StateSpaceWeights a, StateSpaceWeights b) = (Weights(shape, learn: true), Weights(shape, learn: true, ScalarType.Float64));
        (StateSpaceMemory kept, StateSpaceMemory expectedKept) = (Memory(shape, sequences, type), Memory(shape, sequences, ScalarType.Float64));
        Tensor actual = TorchExtras.StateSpace(x, a, shape, Epsilon, lengths, kept);
        Tensor expected = Composed(() => TorchExtras.StateSpace(wide, b, shape, Epsilon, lengths, expectedKept));
        Assert.Equal(type, actual.dtype);
        Assert.InRange(Distance(actual, expected), 0, rounded);
        Assert.InRange(Distance(kept.States, expectedKept.States), 0, exact);
        Assert.Equal(0, Distance(kept.Inputs, expectedKept.Inputs));

        Tensor seed = Random(99, expected.shape).to(type);
        actual.backward([seed]);
        expected.backward([seed.to(ScalarType.Float64)]);
        Assert.Equal(type, x.grad!.dtype);
        Assert.InRange(Distance(x.grad!, wide.grad!), 0, rounded);
        double whole = Named(b).Max(n => Largest(n.Tensor.grad!));
        foreach (((string name, Tensor fused), (string _, Tensor composed)) in Named(a).Zip(Named(b)))
        {
            double off = shape.Heads == shape.Groups && ScalesAHead.Contains(name) ? Largest(fused.grad! - composed.grad!) / whole : Distance(fused.grad!, composed.grad!);
            Assert.True(off <= exact, $"{name}: {off} in {shape}, [{string.Join(", ", projected.shape)}]");
        }

        static double Largest(Tensor x) => x.abs().max().to(ScalarType.Float64).item<double>();
    }

    /// <summary>Of a group's only head the norm takes most of these out, of a first token's all (held below): what remains is small beside what it is
    /// computed from, and is held beside the whole gradient.</summary>
    private static readonly string[] ScalesAHead = ["step bias", "log decay", "skip"];

    /// <summary>Cases of a property at each level, the operators among them.</summary>
    private static Config Fewer => Config.QuickThrowOnFailure.WithMaxTest(40);

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Fused_it_is_the_composed_one(ScalarType type) => AtEachLevel(() =>
        Prop.ForAll(Cases, c =>
        {
            using DisposeScope scope = NewDisposeScope();
            Compare(type, c.Shape, Random(7, c.Rows, c.Length, c.Shape.Projected), null);
            // Of other lengths, one of them nothing; only where there is a row to spare.
            if (c.Rows > 1) Compare(type, c.Shape, Random(8, c.Rows, c.Length, c.Shape.Projected), tensor(new[] { c.Length, 0, (c.Length + 1) / 2 }));
        }).Check(Fewer));

    /// <summary>
    /// A first token's channels of a head are s v, where s is of the head's step. Where the norm is over this head alone, it gives
    /// s v / sqrt(s^2 mean(v^2) + epsilon), whose derivative by s is v epsilon / (s^2 mean(v^2) + epsilon)^1.5: nothing but what epsilon leaves.
    /// A second head's channels keep it.
    /// </summary>
    [Theory]
    [InlineData(1, 1, 1e-3)]
    [InlineData(3, 1, 1e-3)]
    [InlineData(1, 2, 1)]
    [InlineData(3, 2, 1)]
    public void What_a_first_tokens_step_does_to_its_groups_only_head_vanishes_with_epsilon(int groups, int headsOfGroup, double expected)
    {
        const double Larger = 1e-5, Smaller = Larger / 1000;
        using DisposeScope scope = NewDisposeScope();
        StateSpaceShape shape = new(groups * headsOfGroup, HeadDimension: 8, StateSize: 5, groups, ChunkSize: 20);
        Tensor projected = (Random(7, 1, 1, shape.Projected) * 3).to(ScalarType.Float64), seed = Random(99, 1, 1, shape.Inner).to(ScalarType.Float64);
        double[] larger = Gradient(Larger), smaller = Gradient(Smaller);
        Assert.InRange(smaller.Sum(g => Math.Abs(g)) / larger.Sum(g => Math.Abs(g)), 0.9 * expected, 2 * expected);

        // Of the step biases, which by differences comes to the same.
        double[] Gradient(double epsilon)
        {
            StateSpaceWeights weights = Weights(shape, learn: true, ScalarType.Float64);
            Loss(weights, epsilon).backward();
            double[] gradient = weights.StepBias.grad!.data<double>().ToArray();
            double[] differences = [.. Enumerable.Range(0, shape.Heads).Select(h => (Shifted(weights, h, 1e-4, epsilon) - Shifted(weights, h, -1e-4, epsilon)) / 2e-4)];
            double tolerance = 1e-4 * differences.Max(d => Math.Abs(d)) + 1e-11; // the loss is rounded at 1e-15, and divided by 2e-4
            Assert.All(gradient.Zip(differences), g => Assert.Equal(g.Second, g.First, tolerance));
            return gradient;
        }

        double Shifted(StateSpaceWeights weights, int head, double by, double epsilon)
        {
            Tensor bias = weights.StepBias.detach().clone();
            bias[head] += by;
            return Loss(weights with { StepBias = bias }, epsilon).item<double>();
        }

        Tensor Loss(StateSpaceWeights weights, double epsilon) => Composed(() => TorchExtras.StateSpace(projected, weights, shape, epsilon)).mul(seed).sum();
    }

    [Fact]
    public void With_one_channel_a_head_its_gradients_are_no_further_from_the_exact_ones() => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        StateSpaceShape narrow = new(Heads: 3, HeadDimension: 1, StateSize: 48, Groups: 1, ConvolutionWidth: 4, ChunkSize: 20) { ConvolutionBias = false };
        Compare(ScalarType.BFloat16, narrow, Random(8, 3, 31, narrow.Projected), tensor(new[] { 31L, 0, 16 }));
    });

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Sequences_one_after_another_are_as_each_alone(ScalarType type) => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        (long Start, long Count)[] spans = [(0, 33), (33, 1), (40, 0), (41, 70), (111, 64)]; // with a gap, and an end that belongs to none
        Tensor projected = Random(1, 1, 180, Typical.Projected), lengths = Spans(spans);
        Compare(type, Typical, projected, lengths);
        StateSpaceWeights weights = Weights(Typical);
        // Operators sum in another order where a row is longer, which may round a bf16 result the other way; a kernel gives the same bits.
        double composed = type == ScalarType.BFloat16 ? 1.0 / 128 : 1e-5;
        Tensor whole = TorchExtras.StateSpace(projected.to(type), weights, Typical, Epsilon, lengths);
        foreach ((long start, long count) in spans.Where(s => s.Count > 0))
            Assert.InRange(Distance(whole.narrow(1, start, count), TorchExtras.StateSpace(projected.narrow(1, start, count).to(type), weights, Typical, Epsilon)), 0, KernelLibrary.Level == KernelLevel.None ? composed : 0);
        Assert.Equal(0, whole.narrow(1, 34, 7).abs().max().to(ScalarType.Float32).item<float>());
        Assert.Equal(0, whole.narrow(1, 175, 5).abs().max().to(ScalarType.Float32).item<float>());
    });

    [Fact]
    public void Chunks_give_what_the_recurrence_gives() => AtEachLevel(() =>
        Prop.ForAll(Cases, c =>
        {
            using DisposeScope scope = NewDisposeScope();
            StateSpaceWeights weights = Weights(c.Shape);
            Tensor projected = Random(2, c.Rows, c.Length, c.Shape.Projected);
            (StateSpaceMemory chunks, StateSpaceMemory tokens) = (Memory(c.Shape, c.Rows, ScalarType.Float32), Memory(c.Shape, c.Rows, ScalarType.Float32));
            tokens.Inputs.zero_();
            tokens.States.zero_();
            Tensor whole = TorchExtras.StateSpace(projected, weights, c.Shape, Epsilon, null, chunks);
            Tensor[] next = [.. Enumerable.Range(0, (int)c.Length).Select(t => TorchExtras.StateSpaceNext(projected.select(1, t), weights, c.Shape, Epsilon, tokens))];
            Assert.InRange(Distance(whole, stack(next, 1)), 0, 1e-4);
            Assert.InRange(Distance(chunks.States, tokens.States), 0, 1e-4);
            Assert.Equal(0, Distance(chunks.Inputs, tokens.Inputs));
        }).Check(Fewer));

    [Fact]
    public void A_further_token_in_bf16_is_the_composed_one() => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        StateSpaceWeights weights = Weights(Typical);
        (StateSpaceMemory a, StateSpaceMemory b) = (Memory(Typical, 3, ScalarType.BFloat16), Memory(Typical, 3, ScalarType.BFloat16));
        for (ulong token = 0; token < 6; token++)
        {
            Tensor projected = Random(token, 3, Typical.Projected).to(ScalarType.BFloat16);
            Tensor actual = TorchExtras.StateSpaceNext(projected, weights, Typical, Epsilon, a);
            Tensor expected = Composed(() => TorchExtras.StateSpaceNext(projected, weights, Typical, Epsilon, b));
            Assert.Equal(ScalarType.BFloat16, actual.dtype);
            Assert.InRange(Distance(actual, expected), 0, 1.0 / 128); // both are rounded
            Assert.InRange(Distance(a.States, b.States), 0, 1e-4);
            Assert.Equal(0, Distance(a.Inputs, b.Inputs));
        }
    });

    /// <summary>Steps and decays so large that nothing remains, and so small that nothing changes.</summary>
    [Theory]
    [InlineData(60, 3)]
    [InlineData(-60, 3)]
    [InlineData(-60, -60)]
    public void Extreme_steps_stay_finite(double stepBias, double logDecay) => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        StateSpaceWeights weights = Weights(Typical) with { StepBias = full([Typical.Heads], stepBias).requires_grad_(), LogDecay = full([Typical.Heads], logDecay).requires_grad_() };
        Tensor x = Random(1, 1, 70, Typical.Projected).requires_grad_();
        Tensor actual = TorchExtras.StateSpace(x, weights, Typical, Epsilon), expected = Composed(() => TorchExtras.StateSpace(x, weights, Typical, Epsilon));
        Assert.InRange(Distance(actual, expected), 0, 1e-4);
        actual.square().sum().backward();
        foreach (Tensor gradient in new[] { x.grad!, weights.StepBias.grad!, weights.LogDecay.grad! }) Assert.True(gradient.isfinite().all().item<bool>());
    });

    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        int before = get_num_threads();
        using DisposeScope scope = NewDisposeScope();
        try
        {
            foreach ((Tensor one, Tensor two) in Run(1).Zip(Run(2))) Assert.Equal(one.data<float>().ToArray(), two.data<float>().ToArray());
        }
        finally
        {
            set_num_threads(before);
        }

        static Tensor[] Run(int threads)
        {
            set_num_threads(threads);
            StateSpaceWeights weights = Weights(Typical, learn: true);
            Tensor x = Random(1, 1, 1000, Typical.Projected).requires_grad_();
            Tensor y = TorchExtras.StateSpace(x, weights, Typical, Epsilon, Spans((0, 130), (130, 33), (163, 837)));
            y.backward([Random(2, y.shape)]);
            return [y.detach(), x.grad!, .. Named(weights).Select(w => w.Tensor.grad!)];
        }
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Engine.LiveTensors;
        Sequences_one_after_another_are_as_each_alone(ScalarType.BFloat16);
        A_further_token_in_bf16_is_the_composed_one();
        Assert.Equal(before, Engine.LiveTensors);
    }

    [Fact]
    public void What_does_not_fit_is_refused_by_name() => AtEachLevel(() =>
    {
        using DisposeScope scope = NewDisposeScope();
        StateSpaceWeights weights = Weights(Typical);
        Tensor x = Random(1, 1, 20, Typical.Projected);
        Expect("StateSpace", () => TorchExtras.StateSpace(x.narrow(2, 0, 100), weights, Typical, Epsilon));
        Expect("span 0", () => TorchExtras.StateSpace(x, weights, Typical, Epsilon, Spans((10, 11))));
        Expect("skip", () => TorchExtras.StateSpace(x, weights with { Skip = ones(3) }, Typical, Epsilon));
        Expect("kept states", () => TorchExtras.StateSpace(x, weights, Typical, Epsilon, null, Memory(Typical, 1, ScalarType.Float32) with { States = ones(1) }));
        Expect("kept inputs", () => TorchExtras.StateSpaceNext(x.select(1, 0), weights, Typical, Epsilon, Memory(Typical, 1, ScalarType.BFloat16)));

        static void Expect(string text, Func<Tensor> call) => Assert.Contains(text, Assert.ThrowsAny<Exception>(call).Message, StringComparison.Ordinal);
    });
}
