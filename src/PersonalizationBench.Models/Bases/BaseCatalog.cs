using PersonalizationBench.Core;

namespace PersonalizationBench.Models;

/// <summary>
/// Bases by name: the folders of <c>datasets/bases</c>, <c>stories260K</c> and <c>babyllama</c> (llama2.c files of the data folder),
/// or a path to a Hugging Face folder or to a llama2.c <c>.bin</c>.
/// </summary>
public sealed class BaseCatalog : IBaseCatalog
{
    /// <param name="basesFolder">Such as <c>datasets/bases</c>; need not exist.</param>
    /// <param name="dataFolder">The data folder (PBENCH_DATA); null where there is none.</param>
    public BaseCatalog(string basesFolder, string? dataFolder) => throw new NotImplementedException();

    public IReadOnlyList<string> Names => throw new NotImplementedException();

    public BaseInfo Describe(string name) => throw new NotImplementedException();

    public LoadedBase Load(string name, Precision precision, string device) => throw new NotImplementedException();

    IBaseModel IBaseCatalog.Load(string name, Precision precision, string device) => Load(name, precision, device);
}
