using BenchmarkDotNet.Attributes;
using PersonalizationBench.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.MicroBenchmarks;

/// <summary>The fused kernels of a training step against the same composed of libtorch's operators, forward and backward,
/// at the shapes of the shipped base: 8 rows of 192 tokens, width 128, 4 heads, vocabulary 1,500.</summary>
public class KernelBenchmarks
{
    private const int Rows = 8, Length = 192, Width = 128, Heads = 4, Hidden = 352, Vocabulary = 1500;
    private static readonly StateSpaceShape Mixer = new(Heads: 8, HeadDimension: 32, StateSize: 32);
    private Tensor _x = null!, _norm = null!, _heads = null!, _cos = null!, _sin = null!, _gate = null!, _up = null!, _logits = null!, _targets = null!;
    private Tensor _projected = null!, _token = null!;
    private StateSpaceWeights _mixer = null!, _frozen = null!;
    private StateSpaceMemory _memory;
    private Tensor[] _masters = [], _copies = [], _gradients = [], _means = [], _variances = [];

    [Params(true, false)]
    public bool Fused { get; set; }

    [Params(ScalarType.Float32, ScalarType.BFloat16)]
    public ScalarType Type { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        TorchExtras.UseFused = Fused;
        manual_seed(1);
        _x = Leaf(Rows * Length, Width);
        _norm = ones([Width], ScalarType.Float32, requires_grad: true);
        _heads = Leaf(Rows, Length, Heads, Width / Heads);
        var angles = rand(1, Length, 1, Width / Heads / 2);
        (_cos, _sin) = (angles.cos(), angles.sin());
        (_gate, _up) = (Leaf(Rows * Length, Hidden), Leaf(Rows * Length, Hidden));
        _logits = Leaf(Rows * Length, Vocabulary);
        _targets = randint(0, Vocabulary, [Rows * Length], ScalarType.Int64);
        _projected = Leaf(Rows, Length, Mixer.Projected);
        _token = randn(1, Mixer.Projected).to(Type);
        _frozen = new StateSpaceWeights(
            randn(Mixer.Mixed, Mixer.ConvolutionWidth).mul_(0.5), zeros([Mixer.Mixed]), randn(Mixer.Heads).sub_(3), rand(Mixer.Heads), ones([Mixer.Heads]), ones([Mixer.Inner]));
        _mixer = new StateSpaceWeights(Learned(_frozen.Convolution), Learned(_frozen.ConvolutionBias!), Learned(_frozen.StepBias), Learned(_frozen.LogDecay), Learned(_frozen.Skip), Learned(_frozen.Norm));
        _memory = new StateSpaceMemory(zeros([1, Mixer.ConvolutionWidth - 1, Mixer.Mixed], Type), zeros([1, Mixer.Heads, Mixer.HeadDimension, Mixer.StateSize]));
        // Eight matrices of the size of the model's largest: about a million weights.
        _masters = [.. Enumerable.Range(0, 8).Select(_ => randn(1024, Width).mul_(0.02))];
        _copies = [.. _masters.Select(m => Type == ScalarType.Float32 ? m : m.to(Type))];
        _gradients = [.. _masters.Select(m => randn(m.shape).to(Type))];
        (_means, _variances) = ([.. _masters.Select(m => m.zeros_like())], [.. _masters.Select(m => m.zeros_like())]);
    }

    [GlobalCleanup]
    public void Cleanup() => TorchExtras.UseFused = true;

    [Benchmark]
    public void RmsNorm() => Backward(() => TorchExtras.RmsNorm(_x, _norm, 1e-5), _x, _norm);

    [Benchmark]
    public void Rotary() => Backward(() => TorchExtras.Rotate(_heads, _cos, _sin), _heads);

    [Benchmark]
    public void SwiGlu() => Backward(() => TorchExtras.SwiGlu(_gate, _up), _gate, _up);

    /// <summary>Mamba-2 between its projections: 8 heads of 32 channels with 32 values each.</summary>
    [Benchmark]
    public void StateSpace() => Backward(
        () => TorchExtras.StateSpace(_projected, _mixer, Mixer, 1e-5),
        _projected, _mixer.Convolution, _mixer.ConvolutionBias!, _mixer.StepBias, _mixer.LogDecay, _mixer.Skip, _mixer.Norm);

    /// <summary>The same for one further token of one sequence, forward only.</summary>
    [Benchmark]
    public void StateSpaceNext()
    {
        using var next = TorchExtras.StateSpaceNext(_token, _frozen, Mixer, 1e-5, _memory);
    }

    [Benchmark]
    public void CrossEntropy()
    {
        using var scope = NewDisposeScope();
        TorchExtras.CrossEntropy(_logits, _targets).Total.backward();
        _logits.grad = null;
    }

    [Benchmark]
    public void AdamW() => TorchExtras.AdamW(_masters, Type == ScalarType.Float32 ? null : _copies, _gradients, _means, _variances, new AdamWStep(1, 1e-3, WeightDecay: 0.1));

    private static void Backward(Func<Tensor> forward, params Tensor[] leaves)
    {
        using var scope = NewDisposeScope();
        forward().sum().backward();
        foreach (var leaf in leaves) leaf.grad = null;
    }

    private Tensor Leaf(params long[] shape) => Learned(randn(shape).to(Type));

    private static Tensor Learned(Tensor values)
    {
        var leaf = values.detach();
        leaf.requires_grad = true;
        return leaf;
    }
}
