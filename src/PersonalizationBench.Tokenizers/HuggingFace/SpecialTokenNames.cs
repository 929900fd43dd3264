using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Tokenizers.HuggingFace;

/// <summary>Which tokens begin and end a text, as <c>tokenizer_config.json</c> says; null where it does not.</summary>
/// <param name="Source">What errors call that file.</param>
public sealed record SpecialTokenNames(string? Begin, string? End, string Source)
{
    public const string FileName = "tokenizer_config.json";

    /// <summary>What the file asks for and is not done, since every text begins with the token that begins one and ends where it ends; null: nothing.</summary>
    public string? NotFollowed { get; private init; }

    public static readonly SpecialTokenNames Unknown = new(null, null, FileName);

    // In the order of preference; a vocabulary seldom has several. T5 has no token to begin with but the padding.
    private static readonly string[] CommonBegins = ["<|begin_of_text|>", "<s>", "<bos>", "[CLS]", "<|endoftext|>", "<pad>"];
    private static readonly string[] CommonEnds = ["<|end_of_text|>", "</s>", "<eos>", "[SEP]", "<|endoftext|>"];

    /// <summary>The names in the <c>tokenizer_config.json</c> beside a file, where there is one.</summary>
    public static SpecialTokenNames LoadBeside(string path)
    {
        var config = Path.Combine(Path.GetDirectoryName(path) ?? "", FileName);
        return File.Exists(config) ? Parse(File.ReadAllBytes(config), config) : Unknown;
    }

    /// <param name="source">What errors call the file.</param>
    public static SpecialTokenNames Parse(ReadOnlyMemory<byte> utf8, string source) => StrictJson.Read(utf8, source, root =>
    {
        var part = JsonPart.Root(root, source);
        var names = new SpecialTokenNames(Name(part.Optional("bos_token")), Name(part.Optional("eos_token")), source);
        return (part.Bool("add_bos_token", true), part.Bool("add_eos_token", false)) switch
        {
            (true, false) => names,
            (false, _) => names with { NotFollowed = $"{source}: add_bos_token false is not followed: every text begins with the token that begins one" },
            _ => names with { NotFollowed = $"{source}: add_eos_token true is not followed: a prompt is to be gone on from" },
        };
    });

    /// <summary>A token as the file writes it: its text, or an object with its text.</summary>
    internal static string? Name(JsonPart? part) => part?.Element.ValueKind == JsonValueKind.Object ? part.Required("content").String() : part?.String();

    /// <summary>The ids: of the named tokens, else of what the template puts around a text, else of special tokens with common names.</summary>
    internal (int Begin, int End) Resolve(IReadOnlyDictionary<string, int> ids, IReadOnlySet<string> special, Template template, string tokenizer)
    {
        return (Find(Begin, "bos_token", template.Before.Select(id => (int?)id).FirstOrDefault(), CommonBegins), Find(End, "eos_token", template.After.Select(id => (int?)id).LastOrDefault(), CommonEnds));

        int Find(string? name, string key, int? fromTemplate, string[] common)
        {
            if (name is not null) return ids.TryGetValue(name, out var id) ? id : throw new PbenchException($"{Source}: {key}: '{name}' is not a token of {tokenizer}");
            return fromTemplate ?? (common.FirstOrDefault(special.Contains) is { } found ? ids[found]
                : throw new PbenchException($"{tokenizer}: {key} is not known: {FileName} beside it does not give it, and none of {string.Join(", ", common)} is a special token"));
        }
    }
}
