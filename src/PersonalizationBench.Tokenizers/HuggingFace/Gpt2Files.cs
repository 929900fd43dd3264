using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>GPT-2's tokenizer in its first form, two files: <c>encoder.json</c> or <c>vocab.json</c> (the vocabulary) and <c>vocab.bpe</c> or
/// <c>merges.txt</c> (the merges).</summary>
/// <remarks>Microsoft.ML.Tokenizers' <c>BpeTokenizer</c> opens them too, but misses the letters beyond the basic plane, and is slower.</remarks>
public static class Gpt2Files
{
    private const string EndOfText = "<|endoftext|>";

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
    public static HuggingFaceTokenizer Parse(ReadOnlyMemory<byte> encoder, ReadOnlySpan<byte> mergeLines, string encoderSource, string mergesSource)
    {
        var vocabulary = StrictJson.Read(encoder, encoderSource, root => TokenModel.ReadVocabulary(JsonPart.Root(root, encoderSource)));
        if (!vocabulary.TryGetValue(EndOfText, out var endId)) throw new PbenchException($"{encoderSource}: '{EndOfText}' is missing");
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
        var end = new AddedToken(endId, EndOfText, SingleWord: false, StripLeft: false, StripRight: false, Normalized: false, Special: true);
        var parts = new TokenizerParts(new BpeModel(vocabulary, merges.ByPair, new BpeOptions()), [end], (text, _) => text, PreTokenizers.ByteLevel(prefix: false, split: true), Decoders.Bytes);
        return new HuggingFaceTokenizer(parts, _ => Template.Nothing, SpecialTokenNames.Unknown, encoderSource);
    }
}
