using PersonalizationBench.Core;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tokenizers.ChatTemplates;
using PersonalizationBench.Tokenizers.Gguf;

namespace PersonalizationBench.Models;

/// <summary>A base as one GGUF file: weights, shape, tokenizer and chat template.</summary>
internal sealed class GgufBase(string path)
{
    public const string Extension = ".gguf";

    // Vocabulary and merges are long: read once, whatever is asked for.
    private readonly Lazy<GgufFile> _head = new(() =>
    {
        using var file = GgufFile.Open(path);
        return file;
    });

    public DecoderConfig ReadConfig() => GgufConfig.Read(_head.Value);

    public DecoderWeights ReadWeights(WeightsReader read)
    {
        using var file = GgufFile.Open(path);
        return read(GgufConfig.Read(file), file);
    }

    public ITokenizer ReadTokenizer()
    {
        var fields = Fields("tokenizer.ggml.");
        if (fields.Flag("add_space_prefix") == true) throw new PbenchException($"{path}: tokenizer.ggml.add_space_prefix true: expected false; a space before every text is not supported here");
        return GgufTokenizer.Create(
            new GgufVocabulary(Required("model"), Required("pre"), fields.Texts("tokens"), fields.Ints("token_type"), fields.Texts("merges"))
            {
                BeginId = Id(fields, "bos_token_id"),
                EndId = Id(fields, "eos_token_id"),
                AddsBegin = fields.Flag("add_bos_token"),
                AddsEnd = fields.Flag("add_eos_token"),
            }, path);

        string Required(string key) => fields.Text(key) ?? throw new PbenchException($"{path}: tokenizer.ggml.{key} is missing");
    }

    /// <summary>Null where the file has none.</summary>
    public ChatTemplate? ReadChatTemplate()
    {
        const string Key = "tokenizer.chat_template";
        if (new GgufFields(_head.Value.Metadata, "tokenizer.", path).Text("chat_template") is not { } template) return null;
        var fields = Fields("tokenizer.ggml.");
        var tokens = fields.Texts("tokens");
        var named = new (string Name, string Key)[] { ("bos_token", "bos_token_id"), ("eos_token", "eos_token_id"), ("unk_token", "unknown_token_id"), ("sep_token", "seperator_token_id"), ("pad_token", "padding_token_id") }
            .Select(n => (n.Name, Id: Id(fields, n.Key))).Where(n => n.Id is { } id && id < tokens.Count).ToDictionary(n => n.Name, n => tokens[n.Id!.Value]);
        return ChatTemplate.Parse(template, $"{path}: {Key}", named);
    }

    /// <summary>The information with the ids that end a turn or a message, beside the one that ends a text.</summary>
    public BaseInfo Described(BaseInfo info)
    {
        var fields = Fields("tokenizer.ggml.");
        return info with { EndIds = [.. new[] { "eos_token_id", "eot_token_id", "eom_token_id" }.Select(key => Id(fields, key)).OfType<int>().Distinct()] };
    }

    private GgufFields Fields(string prefix) => new(_head.Value.Metadata, prefix, path);

    // What stands for none is a number of all ones.
    private static int? Id(GgufFields fields, string key) => fields.Whole(key, -1) is var id and >= 0 and < int.MaxValue ? (int)id : null;
}
