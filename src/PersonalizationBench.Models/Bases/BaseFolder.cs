using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tokenizers;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Models;

/// <summary>A base as a folder: <c>config.json</c>, <c>model.safetensors</c> and a tokenizer (<see cref="TokenizerFile"/>), all as Hugging Face
/// names them, with <c>provenance.json</c> beside them where the suite trained it.</summary>
internal static class BaseFolder
{
    public const string ConfigName = "config.json", WeightsName = SafetensorsFolder.SingleName, ProvenanceName = "provenance.json";

    public static void Write(string folder, DecoderWeights weights, Action<string> saveTokenizer, JsonObject provenance)
    {
        Directory.CreateDirectory(folder);
        saveTokenizer(folder);
        TokenizerPath(folder);
        AtomicFile.WriteText(Path.Combine(folder, ConfigName), HuggingFaceConfig.Write(weights.Config));
        AtomicFile.WriteText(Path.Combine(folder, ProvenanceName), provenance.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        // Last: a folder with weights is whole.
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), weights.Export(), new Dictionary<string, string> { ["format"] = "pt" });
    }

    public static DecoderConfig ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigName);
        return HuggingFaceConfig.Read(InputFile.ReadText(path), path);
    }

    public static DecoderWeights ReadWeights(string folder, WeightsReader read)
    {
        using var weights = SafetensorsFolder.Open(folder);
        return read(ReadConfig(folder), weights);
    }

    public static string TokenizerPath(string folder) => TokenizerFile.FilesOf(folder)[0];

    /// <summary>What else says how texts begin and end.</summary>
    public static IEnumerable<string> Beside(string folder) => new[] { SpecialTokenNames.FileName, GenerationSettings.FileName }.Select(n => Path.Combine(folder, n)).Where(File.Exists);

    /// <summary>The information with what <see cref="Beside"/> says.</summary>
    public static BaseInfo Described(BaseInfo info, string folder)
    {
        var path = Path.Combine(folder, GenerationSettings.FileName);
        var settings = File.Exists(path) ? GenerationSettings.Read(InputFile.ReadText(path), path, ReadConfig(folder).VocabularySize) : GenerationSettings.None;
        string[] notes = settings.NotFollowed.Count == 0 ? [] : [$"{path}: not followed, since answers are greedy: {string.Join(", ", settings.NotFollowed)}"];
        return info with { EndIds = settings.EndIds, Notes = [.. notes, .. EndingNotFollowed(TokenizerPath(folder))] };
    }

    private static IEnumerable<string> EndingNotFollowed(string path) => TokenizerFile.Load(path) is TextTokenizer { Ending.Count: > 0 } tokenizer
        ? [$"{path}: what is to be put after every text, the ids {string.Join(", ", tokenizer.Ending)}, is not: a prompt is to be gone on from"] : [];

    public static BaseInfo InfoOf(string name, string digest, DecoderConfig config) =>
        new(name, config.ModelType, digest, config.Parameters, config.ContextLength, config.SmallestDimensions());

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
}
