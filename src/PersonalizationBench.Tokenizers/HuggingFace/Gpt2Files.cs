using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Byte-level BPE in its first form, two files: <c>encoder.json</c> or <c>vocab.json</c> (the vocabulary) and <c>vocab.bpe</c> or
/// <c>merges.txt</c> (the merges), as GPT-2 has it.</summary>
/// <remarks>Microsoft.ML.Tokenizers' <c>BpeTokenizer</c> opens them too, but its expressions miss the letters beyond the basic plane, and it takes
/// several times as long.</remarks>
public static class Gpt2Files
{
    private const string EndOfText = "<|endoftext|>";

    /// <summary>The files do not say how a text is split. transformers knows it by the tokenizer's class, or else by the model's type.</summary>
    private static readonly Dictionary<string, string> SplitterOfKind = new()
    {
        ["GPT2Tokenizer"] = "gpt-2",
        ["GPT2TokenizerFast"] = "gpt-2",
        ["gpt2"] = "gpt-2",
        ["Qwen2Tokenizer"] = "qwen2",
        ["Qwen2TokenizerFast"] = "qwen2",
        ["qwen2"] = "qwen2",
    };

    /// <summary>The files in a base's folder, with what is beside them.</summary>
    public static HuggingFaceTokenizer LoadBeside(string vocabularyPath, string mergesPath)
    {
        var names = SpecialTokenNames.LoadBeside(vocabularyPath);
        var kind = names.Kind ?? ModelTypeBeside(vocabularyPath);
        if (kind is null || !SplitterOfKind.TryGetValue(kind, out var splitter))
            throw new PbenchException($"{vocabularyPath}: how {(kind is null ? "it" : $"'{kind}'")} splits a text is not known; expected tokenizer_class in {SpecialTokenNames.FileName} beside it, one of {string.Join(", ", SplitterOfKind.Keys)}, or a tokenizer.json");
        if (names.PutsSpace == true) throw new PbenchException($"{names.Source}: add_prefix_space true is not read with {Path.GetFileName(vocabularyPath)}; expected false, or a tokenizer.json");
        return Parse(InputFile.ReadBytes(vocabularyPath), InputFile.ReadBytes(mergesPath), vocabularyPath, mergesPath, Splitter.ByName[splitter], names);
    }

    private static string? ModelTypeBeside(string path)
    {
        var config = Path.Combine(Path.GetDirectoryName(path) ?? "", "config.json");
        return File.Exists(config) ? StrictJson.Read(InputFile.ReadBytes(config), config, root => JsonPart.Root(root, config).Optional("model_type")?.String()) : null;
    }

    public static HuggingFaceTokenizer Load(string encoderPath, string mergesPath)
    {
        try
        {
            return Parse(File.ReadAllBytes(encoderPath), File.ReadAllBytes(mergesPath), encoderPath, mergesPath);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PbenchException($"{encoderPath} with {mergesPath}: could not be read: {e.Message}", e);
        }
    }

    /// <param name="encoderSource">What errors call the vocabulary.</param>
    /// <param name="mergesSource">What errors call the merges.</param>
    public static HuggingFaceTokenizer Parse(ReadOnlyMemory<byte> encoder, ReadOnlySpan<byte> mergeLines, string encoderSource, string mergesSource) =>
        Parse(encoder, mergeLines, encoderSource, mergesSource, Splitter.ByName["gpt-2"], SpecialTokenNames.Unknown);

    private static HuggingFaceTokenizer Parse(ReadOnlyMemory<byte> encoder, ReadOnlySpan<byte> mergeLines, string encoderSource, string mergesSource, Splitter splitter, SpecialTokenNames names)
    {
        var vocabulary = StrictJson.Read(encoder, encoderSource, root => TokenModel.ReadVocabulary(JsonPart.Root(root, encoderSource)));
        var special = new Dictionary<string, int>(names.Added);
        if (special.Count == 0) special.Add(EndOfText, vocabulary.TryGetValue(EndOfText, out var endId) ? endId : throw new PbenchException($"{encoderSource}: '{EndOfText}' is missing"));
        var merges = new BpeMerges(vocabulary, prefixLength: 0);
        var number = 0;
        foreach (var line in Encoding.UTF8.GetString(mergeLines).Split('\n'))
        {
            number++;
            if (line.Length == 0 || (number == 1 && line.StartsWith("#version", StringComparison.Ordinal))) continue;
            var pair = line.TrimEnd('\r').Split(' ');
            if (pair.Length != 2) throw PbenchException.At(mergesSource, number, $"expected two tokens, found {pair.Length}");
            if (merges.TryAdd(pair[0], pair[1]) is { } wrong) throw PbenchException.At(mergesSource, number, wrong);
        }
        var added = special.Select(t => new AddedToken(t.Value, t.Key, SingleWord: false, StripLeft: false, StripRight: false, Normalized: false, Special: true)).ToList();
        var parts = new TokenizerParts(new BpeModel(vocabulary, merges.ByPair, new BpeOptions(IgnoreMerges: splitter.WholeFirst)), added, splitter.Normalizer, splitter.Split(), Decoders.Bytes);
        return new HuggingFaceTokenizer(parts, _ => Template.Nothing, names, encoderSource);
    }
}
