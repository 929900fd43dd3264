using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.HuggingFace;

namespace PersonalizationBench.Tokenizers.ChatTemplates;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>; which ones there are is the template's.</param>
public sealed record ChatMessage(string Role, string Content);

/// <summary>
/// How a conversation becomes the text that a base was tuned on: the template of its folder, in the part of Jinja that published
/// templates use (https://huggingface.co/docs/transformers/chat_templating). It renders as transformers does; what is not
/// supported is refused by name, never ignored.
/// </summary>
/// <remarks>The rendered text holds its special tokens, the one that begins it included: nothing is put around it. A message that
/// spells a special token cannot be told from one.</remarks>
public sealed class ChatTemplate
{
    public const string FileName = "chat_template.jinja";

    /// <summary>The template that a folder means where it has several.</summary>
    public const string DefaultName = "default";

    /// <summary>The tokens of <c>tokenizer_config.json</c> that a template may name.</summary>
    private static readonly string[] TokenKeys = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly IReadOnlyList<Statement> _body;
    private readonly IReadOnlyDictionary<string, string> _tokens;
    private readonly string _source;

    private ChatTemplate(IReadOnlyList<Statement> body, IReadOnlyDictionary<string, string> tokens, string source) => (_body, _tokens, _source) = (body, tokens, source);

    /// <param name="source">What errors call the template.</param>
    /// <param name="tokens">Special tokens by the names that the template may use, such as <c>bos_token</c>.</param>
    public static ChatTemplate Parse(string template, string source, IReadOnlyDictionary<string, string> tokens) => new(TemplateParser.Parse(template, source), tokens, source);

    /// <summary>The template beside a tokenizer: <see cref="FileName"/>, else <c>chat_template</c> of <c>tokenizer_config.json</c>;
    /// null where there is neither.</summary>
    /// <param name="name">Which of several; one that stands alone is <see cref="DefaultName"/>.</param>
    public static ChatTemplate? LoadBeside(string tokenizerPath, string name = DefaultName)
    {
        var folder = Path.GetDirectoryName(tokenizerPath) ?? "";
        var (file, config) = (Path.Combine(folder, FileName), Path.Combine(folder, SpecialTokenNames.FileName));
        var configured = File.Exists(config) ? ReadConfig(config) : new Configured([], new Dictionary<string, string>());
        if (File.Exists(file)) configured = configured with { Templates = [(DefaultName, InputFile.ReadText(file), file)] };
        if (configured.Templates.Count == 0) return null;
        var (_, template, source) = configured.Templates.FirstOrDefault(t => t.Name == name);
        return template is not null ? Parse(template, source, configured.Tokens)
            : throw new PbenchException($"{configured.Templates[0].Source}: there is no chat template '{name}'; expected one of {string.Join(", ", configured.Templates.Select(t => t.Name))}");
    }

    /// <param name="addGenerationPrompt">Ends the text where the assistant's answer begins.</param>
    /// <param name="clock">For templates that write the date.</param>
    public string Render(IEnumerable<ChatMessage> messages, bool addGenerationPrompt, TimeProvider clock) => Render(new JsonObject
    {
        ["messages"] = new JsonArray([.. messages.Select(m => new JsonObject { ["role"] = m.Role, ["content"] = m.Content })]),
        ["add_generation_prompt"] = addGenerationPrompt,
    }, clock);

    /// <param name="variables">What the template sees: <c>messages</c>, <c>add_generation_prompt</c>, and where wanted <c>tools</c>,
    /// <c>documents</c>, <c>enable_thinking</c> and so on; special tokens are added.</param>
    public string Render(JsonObject variables, TimeProvider clock)
    {
        var scope = new Scope(new TemplateRun(_source, Globals.For(clock.GetLocalNow())), null);
        // transformers gives these also where the caller does not.
        scope.Set("tools", null);
        scope.Set("documents", null);
        foreach (var (name, token) in _tokens) scope.Set(name, token);
        foreach (var (name, value) in ValuesOf(variables)) scope.Set(name, value);
        var output = new StringBuilder();
        Statement.ExecuteAll(_body, scope, output);
        return output.ToString();
    }

    private Mapping ValuesOf(JsonObject variables)
    {
        try
        {
            return (Mapping)Values.Of(variables)!;
        }
        catch (TemplateFault fault)
        {
            throw new PbenchException($"{_source}: {fault.Message}", fault);
        }
    }

    private static Configured ReadConfig(string path) => StrictJson.Read(Encoding.UTF8.GetBytes(InputFile.ReadText(path)), path, json =>
    {
        var root = JsonPart.Root(json, path);
        var tokens = TokenKeys.Select(key => (Key: key, Token: SpecialTokenNames.Name(root.Optional(key)))).Where(t => t.Token is not null).ToDictionary(t => t.Key, t => t.Token!);
        return new Configured(Templates(root.Optional("chat_template")), tokens);
    });

    private static IReadOnlyList<(string Name, string Template, string Source)> Templates(JsonPart? part) => part?.Element.ValueKind switch
    {
        null => [],
        JsonValueKind.Array => [.. part.Items().Select(item => (item.Required("name").String(), item.Required("template").String(), $"{part.Source}: {item.Path}.template"))],
        _ => [(DefaultName, part.String(), $"{part.Source}: {part.Path}")],
    };

    private sealed record Configured(IReadOnlyList<(string Name, string Template, string Source)> Templates, IReadOnlyDictionary<string, string> Tokens);
}
