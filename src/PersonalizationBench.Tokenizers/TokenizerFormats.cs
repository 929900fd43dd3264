using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers;

/// <summary>Which tokenizers are read.</summary>
public static class TokenizerFormats
{
    private const string Otherwise = "Another is refused by name.";

    public static IReadOnlyList<FormatSection> Sections =>
    [
        new("tokenizer.json: models", [.. TokenModel.Types], Otherwise),
        new("tokenizer.json: normalizers", [.. Normalizers.Types], Otherwise),
        new("tokenizer.json: pre-tokenizers", [.. PreTokenizers.Types], Otherwise),
        new("tokenizer.json: post-processors", [.. Template.Types], Otherwise),
        new("tokenizer.json: decoders", [.. Decoders.Types], Otherwise),
        new("GGUF: `tokenizer.ggml.pre`, of the model `gpt2`", [.. Splitter.ByName.Keys], "Another pre-tokenizer, and another model, is refused by name."),
    ];
}
