using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;
using PersonalizationBench.Tokenizers.Library;

namespace PersonalizationBench.Tokenizers;

/// <summary>Finds and loads whichever tokenizer a folder or a file holds.</summary>
public static class TokenizerFile
{
    private const string Vocabulary = "vocab.json", Merges = "merges.txt", Model = ".model", Tiktoken = ".tiktoken";

    // In the order of preference: where a folder has several, tokenizer.json says the most.
    private static readonly string[] Names = ["tokenizer.json", "tokenizer.bin", "tokenizer.model", Vocabulary];

    /// <summary>The files of a folder that hold its tokenizer, the one to <see cref="Load"/> first; what its special tokens are
    /// (<see cref="SpecialTokenNames.FileName"/>) is not among them.</summary>
    /// <exception cref="PbenchException">There are none.</exception>
    public static IReadOnlyList<string> FilesOf(string folder)
    {
        var found = Names.Select(n => Path.Combine(folder, n)).FirstOrDefault(File.Exists) ?? (Directory.Exists(folder) ? Directory.EnumerateFiles(folder, $"*{Tiktoken}").Order(StringComparer.Ordinal).FirstOrDefault() : null)
            ?? throw new PbenchException($"{folder}: expected one of {string.Join(", ", Names)} (with {Merges}), or a file ending in {Tiktoken}");
        return Path.GetFileName(found) == Vocabulary ? [found, Path.Combine(folder, Merges)] : [found];
    }

    /// <summary><c>*.json</c> is our word tokenizer or, where it has a <c>model</c>, Hugging Face's <c>tokenizer.json</c>, but <c>vocab.json</c> is half of
    /// GPT-2's files; <c>*.bin</c> is llama2.c's; <c>*.model</c> is SentencePiece's or, as Llama 3 has it, tiktoken's; any other name is told by its
    /// first character.</summary>
    public static ITokenizer Load(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        _ when Path.GetFileName(path) == Vocabulary => Gpt2Files.LoadBeside(path, Path.Combine(Path.GetDirectoryName(path) ?? "", Merges)),
        ".json" => LoadJson(path),
        ".bin" => Llama2cTokenizer.Load(path),
        Model => LoadModel(path),
        Tiktoken => TiktokenFile.Parse(InputFile.ReadBytes(path), Path.GetFileNameWithoutExtension(path), path, SpecialTokenNames.LoadBeside(path)),
        _ => BeginsLikeJson(path) ? LoadJson(path) : Llama2cTokenizer.Load(path),
    };

    private static OffsetTokenizer LoadJson(string path)
    {
        var bytes = InputFile.ReadBytes(path);
        var isHuggingFace = StrictJson.Read(bytes, path, root => root.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.Object);
        return isHuggingFace ? HuggingFaceTokenizer.Parse(bytes, path, SpecialTokenNames.LoadBeside(path)) : WordTokenizer.Parse(bytes, path);
    }

    private static LibraryTokenizer LoadModel(string path)
    {
        var bytes = InputFile.ReadBytes(path);
        var names = SpecialTokenNames.LoadBeside(path);
        return TiktokenFile.BeginsLikeIt(bytes) ? TiktokenFile.Parse(bytes, TiktokenFile.Llama3Name, path, names) : SentencePieceFile.Parse(bytes, path, names);
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
