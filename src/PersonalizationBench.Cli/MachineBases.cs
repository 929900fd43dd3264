using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Torch;
using TorchSharp;

namespace PersonalizationBench.Cli;

/// <summary>The bases, loaded onto what this machine has: the device <c>auto</c> is a GPU where there is one.</summary>
internal sealed class MachineBases(BaseCatalog bases) : IBaseCatalog
{
    public static string Binding => TorchExtras.Binding;

    public IReadOnlyList<string> Names => bases.Names;

    public BaseInfo Describe(string name) => bases.Describe(name);

    public IBaseModel Load(string name, Precision precision, string device) => bases.Load(name, precision, Resolve(device));

    /// <summary>cpu or cuda.</summary>
    public static string Resolve(string device)
    {
        var hasGpu = device != "cpu" && torch.cuda.is_available();
        if (device == "cuda" && !hasGpu) throw new PbenchException("device cuda: this machine, or its libtorch, has no CUDA device; expected cpu or auto");
        return hasGpu ? "cuda" : "cpu";
    }
}

/// <summary>Memory of the GPU that the base is on; nothing where there is none.</summary>
internal sealed class DevicePeakMemory(string device) : IPeakMemory
{
    private readonly Lazy<bool> _isOnGpu = new(() => MachineBases.Resolve(device) == "cuda");

    public void Reset()
    {
        if (_isOnGpu.Value) TorchExtras.ResetCudaPeak();
    }

    public long? PeakBytes => _isOnGpu.Value ? TorchExtras.CudaMemory()?.AllocatedPeak : null;
}
