using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Models;

/// <summary>A base as a folder: <c>config.json</c>, <c>model.safetensors</c> and <c>tokenizer.json</c> (or <c>tokenizer.bin</c>), all as Hugging Face
/// names them, with <c>provenance.json</c> beside them where the suite trained it.</summary>
internal static class BaseFolder
{
    public const string ConfigName = "config.json", WeightsName = "model.safetensors", ProvenanceName = "provenance.json";
    private static readonly string[] TokenizerNames = ["tokenizer.json", "tokenizer.bin"];

    public static void Write(string folder, LlamaWeights weights, Action<string> saveTokenizer, JsonObject provenance)
    {
        Directory.CreateDirectory(folder);
        saveTokenizer(folder);
        TokenizerPath(folder);
        AtomicFile.WriteText(Path.Combine(folder, ConfigName), weights.Config.ToJson());
        AtomicFile.WriteText(Path.Combine(folder, ProvenanceName), provenance.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        // Last: a folder with weights is whole.
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), weights.Export(), new Dictionary<string, string> { ["format"] = "pt" });
    }

    public static LlamaConfig ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigName);
        return LlamaConfig.FromJson(ReadText(path), path);
    }

    public static LlamaWeights ReadWeights(string folder, Precision precision, string device)
    {
        var path = Path.Combine(folder, WeightsName);
        using var file = SafetensorsFile.Open(path);
        return LlamaWeights.FromTensors(ReadConfig(folder), [.. file.Tensors.Select(t => new TensorData(t.Name, t.DType, t.Shape, file.Read(t.Name)))], precision, device, path);
    }

    public static string TokenizerPath(string folder) =>
        TokenizerNames.Select(n => Path.Combine(folder, n)).FirstOrDefault(File.Exists)
        ?? throw new PbenchException($"{folder}: expected one of {string.Join(", ", TokenizerNames)}");

    public static BaseInfo InfoOf(string name, string digest, LlamaConfig config) =>
        new(name, "llama", digest, config.Parameters, config.ContextLength, config.SmallestDimensions());

    /// <summary>SHA-256 over the names and SHA-256 of the files that decide what the base answers.</summary>
    public static string DigestOf(IEnumerable<string> paths)
    {
        try
        {
            return Digest.Of(string.Concat(paths.Select(p => $"{Path.GetFileName(p)} {Digest.OfFile(p)}\n")));
        }
        catch (IOException e)
        {
            throw new PbenchException($"base: could not be read: {e.Message}", e);
        }
    }

    public static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }
}
