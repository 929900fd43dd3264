using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.Gguf;

/// <summary>A tokenizer as the metadata of a GGUF file describes it; keys are below <c>tokenizer.ggml.</c></summary>
/// <param name="Model"><c>model</c>: the kind of tokenizer.</param>
/// <param name="PreTokenizer"><c>pre</c>: how a text is split before merging.</param>
/// <param name="Tokens"><c>tokens</c>: by id, bytes spelt as GPT-2 does.</param>
/// <param name="TokenTypes"><c>token_type</c>: as long as <paramref name="Tokens"/>.</param>
/// <param name="Merges"><c>merges</c>: two tokens with a space between them, the first learnt first.</param>
public sealed record GgufVocabulary(string Model, string PreTokenizer, IReadOnlyList<string> Tokens, IReadOnlyList<int> TokenTypes, IReadOnlyList<string> Merges)
{
    /// <summary><c>bos_token_id</c>.</summary>
    public int? BeginId { get; init; }

    /// <summary><c>eos_token_id</c>.</summary>
    public int? EndId { get; init; }

    /// <summary><c>add_bos_token</c>; null where the file does not say, which llama.cpp takes for true with <c>llama-bpe</c> and for false else.</summary>
    public bool? AddsBegin { get; init; }

    /// <summary><c>add_eos_token</c>.</summary>
    public bool? AddsEnd { get; init; }
}

/// <summary>Makes a tokenizer of GGUF metadata: byte-level BPE (<c>gpt2</c>) with one of the pre-tokenizers that are known here.</summary>
public static class GgufTokenizer
{
    private const string KnownModel = "gpt2";

    // llama.cpp's token types; 5, unused, has no part in encoding.
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Byte = 6;

    /// <param name="source">What errors call the file.</param>
    /// <exception cref="PbenchException">Another model or pre-tokenizer, or metadata that contradict themselves.</exception>
    public static HuggingFaceTokenizer Create(GgufVocabulary metadata, string source)
    {
        if (metadata.Model != KnownModel) throw Wrong("model", $"'{metadata.Model}' is not read; expected '{KnownModel}'");
        if (!Splitter.ByName.TryGetValue(metadata.PreTokenizer, out var splitter)) throw Wrong("pre", $"'{metadata.PreTokenizer}' is not read; expected one of {string.Join(", ", Splitter.ByName.Keys)}");
        if (metadata.TokenTypes.Count != metadata.Tokens.Count) throw Wrong("token_type", $"expected {metadata.Tokens.Count} types, one for each token, found {metadata.TokenTypes.Count}");
        var vocabulary = new Dictionary<string, int>(metadata.Tokens.Count, StringComparer.Ordinal);
        var added = new List<AddedToken>();
        for (var id = 0; id < metadata.Tokens.Count; id++)
        {
            var (token, type) = (metadata.Tokens[id], metadata.TokenTypes[id]);
            if (type is < Normal or > Byte) throw Wrong("token_type", $"[{id}]: expected {Normal} to {Byte}, found {type}");
            if (!vocabulary.TryAdd(token, id)) throw Wrong("tokens", $"[{id}]: '{token}' is also tokens[{vocabulary[token]}]");
            if (type is Unknown or Control or UserDefined) added.Add(new AddedToken(id, token, SingleWord: false, StripLeft: false, StripRight: false, Normalized: false, Special: type != UserDefined));
        }
        var parts = new TokenizerParts(new BpeModel(vocabulary, MergesOf(metadata, vocabulary, Wrong), new BpeOptions(IgnoreMerges: splitter.WholeFirst)), added,
            splitter.Normalizer, splitter.Split(), Decoders.Bytes);
        var names = new SpecialTokenNames(NameOf(metadata.BeginId, "bos_token_id"), NameOf(metadata.EndId, "eos_token_id"), source)
        {
            AddsBegin = metadata.AddsBegin ?? splitter.WholeFirst,
            AddsEnd = metadata.AddsEnd,
        };
        return new HuggingFaceTokenizer(parts, _ => Template.Nothing, names, source);

        string? NameOf(int? id, string key) => id is not { } given ? null
            : given >= 0 && given < metadata.Tokens.Count ? metadata.Tokens[given] : throw Wrong(key, $"expected an id of the vocabulary, 0 to {metadata.Tokens.Count - 1}, found {given}");

        PbenchException Wrong(string key, string message) => new($"{source}: tokenizer.ggml.{key}{(message.StartsWith('[') ? "" : ": ")}{message}");
    }

    private static Dictionary<(int Left, int Right), Merge> MergesOf(GgufVocabulary metadata, Dictionary<string, int> vocabulary, Func<string, string, PbenchException> wrong)
    {
        var merges = new BpeMerges(vocabulary, prefixLength: 0);
        for (var i = 0; i < metadata.Merges.Count; i++)
        {
            if (metadata.Merges[i].Split(' ') is not [var left, var right]) throw wrong("merges", $"[{i}]: expected two tokens, found '{metadata.Merges[i]}'");
            if (merges.TryAdd(left, right) is { } problem) throw wrong("merges", $"[{i}]: {problem}");
        }
        return merges.ByPair;
    }
}
