using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Tokenizers;

/// <summary>Loads whichever tokenizer a file holds.</summary>
public static class TokenizerFile
{
    /// <summary><c>*.json</c> is our word tokenizer, <c>*.bin</c> llama2.c's; any other name is told by its first character.</summary>
    public static ITokenizer Load(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".json" => WordTokenizer.Load(path),
        ".bin" => Llama2cTokenizer.Load(path),
        _ => BeginsLikeJson(path) ? WordTokenizer.Load(path) : Llama2cTokenizer.Load(path),
    };

    private static bool BeginsLikeJson(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            int first;
            do first = stream.ReadByte();
            while (first is ' ' or '\t' or '\r' or '\n');
            return first == '{';
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{path}: could not be read: {e.Message}", e);
        }
    }
}
