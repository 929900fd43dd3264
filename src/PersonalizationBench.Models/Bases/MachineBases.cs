using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using TorchSharp;

namespace PersonalizationBench.Models;

/// <summary>The bases, loaded onto what this machine has: the device <c>auto</c> is a GPU where there is one.</summary>
public sealed class MachineBases(BaseCatalog bases) : IBaseCatalog
{
    public static string EngineName => Kernels.Engine.Description;

    public string Engine => bases.Engine;

    public IReadOnlyList<string> Names => bases.Names;

    public BaseInfo Describe(string name) => bases.Describe(name);

    public IBaseModel Load(string name, Precision precision, string device) => bases.Load(name, precision, Resolve(device));

    // What may be the processor is there: libtorch need not be loaded to say so.
    public string RequireDevice(string device) => device == "cuda" ? Resolve(device) : device;

    /// <summary>cpu or cuda.</summary>
    public static string Resolve(string device)
    {
        var hasGpu = device != "cpu" && torch.cuda.is_available();
        if (device == "cuda" && !hasGpu) throw new PbenchException("device cuda: this machine, or its libtorch, has no CUDA device; expected cpu or auto");
        return hasGpu ? "cuda" : "cpu";
    }
}
