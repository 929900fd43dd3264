using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Load;

namespace PersonalizationBench.Benchmarks;

/// <summary>The file of a load.</summary>
public static class LoadFile
{
    /// <exception cref="PbenchException">Unreadable, not strict YAML, or a name that is not the file's.</exception>
    public static LoadSpec Read(string path)
    {
        var file = StrictYaml.ReadFile(path);
        var spec = StrictYaml.Bind<LoadSpec>(file);
        var name = Path.GetFileNameWithoutExtension(path);
        return spec.Load == name ? spec : throw PbenchException.At(path, file.LineOf("load"), $"load: it is called '{spec.Load}' and the file '{name}'; expected one name");
    }
}
