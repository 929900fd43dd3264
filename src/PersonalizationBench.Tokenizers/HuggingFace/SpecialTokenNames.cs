using System.Globalization;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Which tokens begin and end a text, and whether they are put there, as <c>tokenizer_config.json</c> says; null where it does not.</summary>
/// <param name="Source">What errors call that file.</param>
public sealed record SpecialTokenNames(string? Begin, string? End, string Source)
{
    public const string FileName = "tokenizer_config.json";

    /// <summary><c>add_bos_token</c> and <c>add_eos_token</c>.</summary>
    public bool? AddsBegin { get; init; }

    public bool? AddsEnd { get; init; }

    /// <summary><c>added_tokens_decoder</c>: tokens that are found in a text as a whole, with their ids.</summary>
    public IReadOnlyDictionary<string, int> Added { get; init; } = new Dictionary<string, int>();

    /// <summary><c>add_prefix_space</c>.</summary>
    public bool? PutsSpace { get; init; }

    /// <summary><c>tokenizer_class</c>: transformers' name for the kind of tokenizer.</summary>
    public string? Kind { get; init; }

    public static readonly SpecialTokenNames Unknown = new(null, null, FileName);

    // In the order of preference; a vocabulary seldom has several. T5 has no token to begin with but the padding.
    private static readonly string[] CommonBegins = ["<|begin_of_text|>", "<s>", "<bos>", "[CLS]", "<|endoftext|>", "<pad>"];
    private static readonly string[] CommonEnds = ["<|end_of_text|>", "</s>", "<eos>", "[SEP]", "<|endoftext|>"];

    /// <summary>The names in the <c>tokenizer_config.json</c> beside a file, where there is one.</summary>
    public static SpecialTokenNames LoadBeside(string path)
    {
        var config = Path.Combine(Path.GetDirectoryName(path) ?? "", FileName);
        return File.Exists(config) ? Parse(InputFile.ReadBytes(config), config) : Unknown;
    }

    /// <param name="source">What errors call the file.</param>
    public static SpecialTokenNames Parse(ReadOnlyMemory<byte> utf8, string source) => StrictJson.Read(utf8, source, root =>
    {
        var part = JsonPart.Root(root, source);
        return new SpecialTokenNames(Name(part.Optional("bos_token")), Name(part.Optional("eos_token")), source)
        {
            AddsBegin = part.Optional("add_bos_token")?.Bool(),
            AddsEnd = part.Optional("add_eos_token")?.Bool(),
            PutsSpace = part.Optional("add_prefix_space")?.Bool(),
            Kind = part.Optional("tokenizer_class")?.String(),
            Added = (part.Optional("added_tokens_decoder")?.Properties() ?? []).ToDictionary(t => t.Value.Required("content").String(), t => Id(t.Key, t.Value)),
        };
    });

    private static int Id(string key, JsonPart token) =>
        int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : throw token.Error("expected an id as the key");

    /// <summary>A token as the file writes it: its text, or an object with its text.</summary>
    internal static string? Name(JsonPart? part) => part?.Element.ValueKind == JsonValueKind.Object ? part.Required("content").String() : part?.String();

    /// <summary>The ids: of the named tokens, else of what the template puts around a text, else of special tokens with common names, else none.</summary>
    /// <exception cref="PbenchException">A named token is not there.</exception>
    internal (int? Begin, int? End) Resolve(IReadOnlyDictionary<string, int> ids, IReadOnlySet<string> special, Template template, string tokenizer)
    {
        return (Find(Begin, "bos_token", template.Before.Select(id => (int?)id).FirstOrDefault(), CommonBegins), Find(End, "eos_token", template.After.Select(id => (int?)id).LastOrDefault(), CommonEnds));

        int? Find(string? name, string key, int? fromTemplate, string[] common)
        {
            if (name is not null) return ids.TryGetValue(name, out var id) ? id : throw new PbenchException($"{Source}: {key}: '{name}' is not a token of {tokenizer}");
            return fromTemplate ?? (common.FirstOrDefault(special.Contains) is { } found ? ids[found] : null);
        }
    }

    /// <summary>What is put around a text: transformers 5 takes the file's post-processor unless <c>add_bos_token</c> or <c>add_eos_token</c> is
    /// given, whatever it says; then it is the named tokens that are asked for and nothing else.</summary>
    internal Template Followed(Template ofFile, IReadOnlyDictionary<string, int> ids) => AddsBegin is null && AddsEnd is null ? ofFile
        : Template.Around(AddsBegin == true && Begin is not null ? ids[Begin] : null, AddsEnd == true && End is not null ? ids[End] : null);
}
