using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>
/// The weights of a Hugging Face folder: <c>model.safetensors</c>, or shards with <c>model.safetensors.index.json</c>, whose
/// <c>weight_map</c> says which file holds which tensor. Headers are read and checked when it is opened, tensors when asked for.
/// </summary>
public sealed class SafetensorsFolder : ITensorSource, IDisposable
{
    public const string SingleName = "model.safetensors", IndexName = "model.safetensors.index.json";

    private readonly Dictionary<string, SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _byTensor = [];

    private SafetensorsFolder(string name) => Name = name;

    /// <summary>The only file, or the folder of the shards.</summary>
    public string Name { get; }

    public IReadOnlyCollection<string> TensorNames => _byTensor.Keys;

    /// <summary>Every file that holds weights or says where they are.</summary>
    public static IReadOnlyList<string> FilesOf(string folder)
    {
        var (single, index) = (Path.Combine(folder, SingleName), Path.Combine(folder, IndexName));
        if (File.Exists(single)) return [single];
        if (!File.Exists(index)) throw new PbenchException($"{folder}: expected {SingleName}, or shards with {IndexName}");
        return [index, .. WeightMap(index).Values.Distinct().Order(StringComparer.Ordinal).Select(file => Path.Combine(folder, file))];
    }

    public static SafetensorsFolder Open(string folder)
    {
        var first = FilesOf(folder)[0];
        var isSingle = Path.GetFileName(first) == SingleName;
        var opened = new SafetensorsFolder(isSingle ? first : folder);
        try
        {
            if (isSingle) opened.OpenSingle(first);
            else opened.OpenShards(first);
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    public (string DType, long[] Shape) Describe(string name)
    {
        var entry = _byTensor[name].Find(name);
        return (entry.DType, entry.Shape);
    }

    public float[] ReadSingles(string name) => _byTensor[name].ReadSingles(name);

    public void Dispose()
    {
        foreach (var file in _files.Values) file.Dispose();
    }

    private void OpenSingle(string path)
    {
        var file = _files[path] = SafetensorsFile.Open(path);
        foreach (var tensor in file.Tensors) _byTensor[tensor.Name] = file;
    }

    private void OpenShards(string index)
    {
        var map = WeightMap(index);
        foreach (var (tensor, name) in map)
        {
            var path = Path.Combine(Name, name);
            if (!_files.TryGetValue(path, out var file))
            {
                if (!File.Exists(path)) throw new PbenchException($"{index}: weight_map: tensor '{tensor}' is said to be in '{name}', which is not there");
                file = _files[path] = SafetensorsFile.Open(path);
            }
            if (!file.Contains(tensor)) throw new PbenchException($"{index}: weight_map: tensor '{tensor}' is said to be in '{name}', which does not hold it");
            _byTensor[tensor] = file;
        }
        foreach (var (path, file) in _files)
        {
            if (file.Tensors.FirstOrDefault(t => map.GetValueOrDefault(t.Name) != Path.GetFileName(path)) is { Name: { } stray })
                throw new PbenchException($"{path}: tensor '{stray}' is not said to be here by the weight_map of {IndexName}");
        }
    }

    private static Dictionary<string, string> WeightMap(string index)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(index);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{index}: could not be read: {e.Message}", e);
        }
        return StrictJson.Read(bytes, index, root =>
        {
            if (!root.TryGetProperty("weight_map", out var map)) throw new PbenchException($"{index}: weight_map is missing");
            return StrictJson.Object(map, index, "weight_map").EnumerateObject().ToDictionary(p => p.Name, p => FileName(p, index));
        });
    }

    private static string FileName(JsonProperty property, string index)
    {
        var name = StrictJson.String(property.Value, index, $"weight_map.{property.Name}");
        // A name, no path: the index must not reach outside its folder.
        return name.Length > 0 && Path.GetFileName(name) == name ? name : throw new PbenchException($"{index}: weight_map.{property.Name}: expected the name of a file in this folder, found '{name}'");
    }
}
