using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers;

/// <summary>Loads whichever tokenizer a file holds.</summary>
public static class TokenizerFile
{
    /// <summary><c>*.json</c> is our word tokenizer or, where it has a <c>model</c>, Hugging Face's <c>tokenizer.json</c>;
    /// <c>*.bin</c> is llama2.c's; any other name is told by its first character.</summary>
    public static ITokenizer Load(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".json" => LoadJson(path),
        ".bin" => Llama2cTokenizer.Load(path),
        _ => BeginsLikeJson(path) ? LoadJson(path) : Llama2cTokenizer.Load(path),
    };

    private static ITokenizer LoadJson(string path)
    {
        var bytes = InputFile.ReadBytes(path);
        var isHuggingFace = StrictJson.Read(bytes, path, root => root.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.Object);
        return isHuggingFace ? HuggingFaceTokenizer.Parse(bytes, path, SpecialTokenNames.LoadBeside(path)) : WordTokenizer.Parse(bytes, path);
    }

    private static bool BeginsLikeJson(string path) => InputFile.Read(path, p =>
    {
        using var stream = File.OpenRead(p);
        int first;
        do first = stream.ReadByte();
        while (first is ' ' or '\t' or '\r' or '\n');
        return first == '{';
    });
}
