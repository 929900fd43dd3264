using BenchmarkDotNet.Attributes;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.MicroBenchmarks;

/// <summary>What a call into libtorch costs beside its work: tensors so small that there is none.</summary>
public class OperatorBenchmarks
{
    private Tensor _a = null!, _b = null!, _weight = null!;

    [GlobalSetup]
    public void Setup() => (_a, _b, _weight) = (ones(4, 4), ones(4, 4), ones([4, 4], requires_grad: true));

    [Benchmark]
    public void Add()
    {
        using var sum = _a.add(_b);
    }

    [Benchmark]
    public void Matmul()
    {
        using var product = _a.matmul(_b);
    }

    /// <summary>Forward only, the graph recorded and dropped.</summary>
    [Benchmark]
    public void MatmulWithGraph()
    {
        using var product = _a.matmul(_weight);
    }

    [Benchmark]
    public void MatmulAndBackward()
    {
        using var scope = NewDisposeScope();
        _a.matmul(_weight).sum().backward();
        _weight.grad!.zero_();
    }
}
