using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Benchmarks;

/// <summary>An operation at one size, as models call it.</summary>
/// <param name="Types">Those that there is a kernel for.</param>
/// <param name="Make">Draws the inputs in a type; gives the call and what it is differentiated by (none: it has no gradient).</param>
public sealed record KernelCase(TorchExtras.Operation Operation, SizeClass Size, IReadOnlyList<ScalarType> Types, Func<ScalarType, (Func<Tensor> Call, Tensor[] Learning)> Make)
{
    private const int Width = 128, Heads = 4, Vocabulary = 1507;

    private static readonly ScalarType[] s_both = [ScalarType.Float32, ScalarType.BFloat16];

    /// <summary>Rows of tokens for each size: a token of a few sequences, a prompt, a batch that is trained on.</summary>
    private static readonly (SizeClass Size, int Batch, int Length)[] s_sizes = [(SizeClass.Small, 4, 4), (SizeClass.Medium, 1, 256), (SizeClass.Large, 8, 192)];

    /// <summary>Every operation at every size, in the shapes of the shipped base of a million parameters.</summary>
    public static IReadOnlyList<KernelCase> All { get; } = [.. s_sizes.SelectMany(s => Of(s.Size, s.Batch, s.Length))];

    private static IEnumerable<KernelCase> Of(SizeClass size, int batch, int length)
    {
        var rows = batch * length;
        yield return new(TorchExtras.Operation.RmsNorm, size, s_both, type =>
        {
            Tensor x = Leaf(type, rows, Width), w = Leaf(ScalarType.Float32, Width);
            return (() => TorchExtras.RmsNorm(x, w, 1e-5), [x, w]);
        });
        yield return new(TorchExtras.Operation.Rotate, size, s_both, type =>
        {
            Tensor x = Leaf(type, batch, length, Heads, Width / Heads), angles = rand([1, length, 1, Width / Heads / 2]);
            Tensor cos = angles.cos(), sin = angles.sin();
            return (() => TorchExtras.Rotate(x, cos, sin), [x]);
        });
        yield return new(TorchExtras.Operation.SwiGlu, size, s_both, type =>
        {
            var x = Leaf(type, rows, 2 * Width);
            return (() => TorchExtras.SwiGlu(x), [x]);
        });
        yield return new(TorchExtras.Operation.Attention, size, KernelLibrary.Level >= KernelLevel.Avx512Bf16 ? [ScalarType.BFloat16] : [], type =>
        {
            Tensor q = Leaf(type, batch, length, Heads, Width / Heads), k = Leaf(type, batch, length, Heads, Width / Heads), v = Leaf(type, batch, length, Heads, Width / Heads);
            return (() => TorchExtras.CausalAttention(q, k, v), [q, k, v]);
        });
        yield return new(TorchExtras.Operation.CrossEntropy, size, s_both, type =>
        {
            var x = Leaf(type, Math.Max(1, rows * Width / Vocabulary), Vocabulary);
            Tensor targets = randint(0, Vocabulary, [x.size(0)], ScalarType.Int64), weights = full([x.size(0)], 1.0 / x.size(0));
            return (() => TorchExtras.CrossEntropy(x, targets, weights).Total, [x]);
        });
        yield return new(TorchExtras.Operation.AdamW, size, [ScalarType.Float32], type =>
        {
            Tensor[] masters = Four(type), gradients = Four(type), means = Four(type), variances = [.. Four(type).Select(v => v.square())];
            var step = new AdamWStep(Number: 10, LearningRate: 1e-6);
            return (() =>
            {
                TorchExtras.AdamW(masters, null, gradients, means, variances, step);
                return masters[0];
            }, []);
        });
        yield return new(TorchExtras.Operation.Norm, size, s_both, type =>
        {
            var tensors = Four(type);
            return (() =>
            {
                TorchExtras.Norm(tensors);
                return tensors[0];
            }, []);
        });
        yield return new(TorchExtras.Operation.StateSpace, size, s_both, type =>
        {
            var (shape, weights) = Mamba(learns: true);
            var x = Leaf(type, batch, length, shape.Projected);
            return (() => TorchExtras.StateSpace(x, weights, shape, 1e-5), [x, weights.Convolution, weights.ConvolutionBias!, weights.StepBias, weights.LogDecay, weights.Skip, weights.Norm]);
        });
        yield return new(TorchExtras.Operation.StateSpaceNext, size, s_both, type =>
        {
            var (shape, weights) = Mamba(learns: false);
            var sequences = Math.Max(1, rows * Width / shape.Projected);
            var x = randn([sequences, shape.Projected], type);
            var memory = new StateSpaceMemory(randn([sequences, shape.ConvolutionWidth - 1, shape.Mixed], type), randn([sequences, .. shape.StateSizes]));
            return (() => TorchExtras.StateSpaceNext(x, weights, shape, 1e-5, memory), []);
        });

        // A quarter of the elements in each of four parameters.
        Tensor[] Four(ScalarType type) => [.. Enumerable.Range(0, 4).Select(_ => randn([rows * Width / 4], type))];
    }

    private static Tensor Leaf(ScalarType type, params long[] shape) => randn(shape, type).requires_grad_();

    private static (StateSpaceShape Shape, StateSpaceWeights Weights) Mamba(bool learns)
    {
        var shape = new StateSpaceShape(Heads: 6, HeadDimension: 32, StateSize: 32);
        return (shape, new(Drawn(shape.Mixed, shape.ConvolutionWidth), Drawn(shape.Mixed), Drawn(shape.Heads), Drawn(shape.Heads), Drawn(shape.Heads), Drawn(shape.Inner)));

        Tensor Drawn(params long[] size) => learns ? Leaf(ScalarType.Float32, size) : randn(size);
    }
}
