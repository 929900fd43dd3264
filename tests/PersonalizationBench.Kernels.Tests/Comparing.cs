using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace PersonalizationBench.Kernels.Tests;

/// <summary>Fused against composed. Only for tests that run alone: which of them is taken is a setting of the process.</summary>
internal static class Comparing
{
    /// <summary>The kernels are what is tested here, where operators are faster too.</summary>
    [ModuleInitializer]
    internal static void TakeKernels() => KernelChoice.Always = true;

    public static Tensor Random(ulong seed, params long[] shape)
    {
        using var generator = new Generator(seed);
        return randn(shape, generator: generator);
    }

    /// <summary>The largest difference, over the largest expected value.</summary>
    public static double Distance(Tensor actual, Tensor expected)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = actual.to(ScalarType.Float32), b = expected.to(ScalarType.Float32);
        Assert.Equal(b.shape, a.shape);
        return b.numel() == 0 ? 0 : ((a - b).abs().max() / (b.abs().max() + 1e-6)).item<float>();
    }

    public static T Composed<T>(Func<T> function)
    {
        TorchExtras.UseFused = false;
        try
        {
            return function();
        }
        finally
        {
            TorchExtras.UseFused = true;
        }
    }

    /// <summary>Once at each level of kernels that this machine has, the operators among them.</summary>
    public static void AtEachLevel(Action action)
    {
        var before = KernelLibrary.Level;
        try
        {
            foreach (var level in KernelLibrary.Available)
            {
                KernelLibrary.Level = level;
                action();
            }
        }
        finally
        {
            KernelLibrary.Level = before;
        }
    }
}
