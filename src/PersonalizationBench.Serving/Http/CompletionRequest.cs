using System.Security.Cryptography;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Serving;

/// <summary>What <c>/v1/completions</c> and <c>/v1/chat/completions</c> have in common, checked.</summary>
/// <param name="Model">The base's name, or a policy with or without revision or pointer.</param>
/// <param name="StopTexts">End an answer and are no part of it.</param>
internal sealed record CompletionRequest(
    string Model, IReadOnlyList<int[]> Prompts, bool IsChat, int MaxTokens, Sampling Sampling, IReadOnlyList<string> StopTexts, bool IsStream, bool IncludesUsage)
{
    private const int DefaultTokens = 16, MaxStops = 4;

    public static CompletionRequest Read(JsonElement body, bool isChat, ServerParts parts, ServerOptions options)
    {
        var fields = new RequestFields(body);
        var model = fields.RequiredText("model");
        var prompts = isChat ? [Chat(fields, parts)] : Plain(fields, parts.Tokenizer, options);
        var context = parts.Config.ContextLength;
        var tokens = fields.Integer("max_tokens", 1, int.MaxValue);
        if (isChat) tokens = fields.Integer("max_completion_tokens", 1, int.MaxValue) ?? tokens;
        var request = new CompletionRequest(
            model, prompts, isChat, (int)(tokens ?? (isChat ? Math.Max(1, context - prompts[0].Length) : DefaultTokens)),
            new Sampling(fields.Number("temperature", 0, 2) ?? 1, fields.Number("top_p", 0, 1) ?? 1, fields.Integer("seed", long.MinValue, long.MaxValue) ?? UnseededRequest(),
                isChat ? fields.Flag("logprobs") : fields.Integer("logprobs", 0, 0) is not null),
            fields.Texts("stop"), fields.Flag("stream"), Usage(fields));
        if (request.StopTexts.Count > MaxStops || request.StopTexts.Any(s => s.Length == 0)) throw ApiException.Invalid($"stop: expected at most {MaxStops} strings that are not empty", "stop");
        fields.OnlyDefault("n", v => v.ValueKind == JsonValueKind.Number && v.GetDouble() == 1);
        fields.OnlyDefault("best_of", v => v.ValueKind == JsonValueKind.Number && v.GetDouble() == 1);
        fields.OnlyDefault("echo", v => v.ValueKind == JsonValueKind.False);
        foreach (var penalty in new[] { "frequency_penalty", "presence_penalty", "top_logprobs" }) fields.OnlyDefault(penalty, v => v.ValueKind == JsonValueKind.Number && v.GetDouble() == 0);
        foreach (var other in new[] { "logit_bias", "tools", "tool_choice", "response_format", "suffix", "functions", "function_call", "modalities", "audio" }) fields.OnlyDefault(other, _ => false);
        // Of no consequence here.
        foreach (var idle in new[] { "user", "store", "metadata", "service_tier", "parallel_tool_calls" }) fields.Take(idle);
        fields.Finish();
        return request;
    }

    /// <summary>Who gives no seed wants another answer each time.</summary>
    private static long UnseededRequest() => BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));

    private static bool Usage(RequestFields fields)
    {
        if (fields.Take("stream_options") is not { } given) return false;
        var options = new RequestFields(given);
        var included = options.Flag("include_usage");
        options.Finish();
        return included;
    }

    private static List<int[]> Plain(RequestFields fields, ITokenizer tokenizer, ServerOptions options)
    {
        if (fields.Take("prompt") is not { } prompt) throw ApiException.Invalid("prompt: missing", "prompt");
        List<int[]> prompts = prompt.ValueKind switch
        {
            JsonValueKind.String => [Encoded(prompt)],
            JsonValueKind.Array when IsTokens(prompt) => [Tokens(prompt)],
            JsonValueKind.Array => [.. prompt.EnumerateArray().Select(p => p.ValueKind == JsonValueKind.String ? Encoded(p) : IsTokens(p) ? Tokens(p) : throw Wrong())],
            _ => throw Wrong(),
        };
        return prompts.Count >= 1 && prompts.Count <= options.MaxPrompts ? prompts : throw ApiException.Invalid($"prompt: expected 1 to {options.MaxPrompts} prompts, found {prompts.Count}", "prompt");

        int[] Encoded(JsonElement text) => tokenizer.Begun(tokenizer.Encode(text.GetString()!));
        bool IsTokens(JsonElement list) => list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 && list.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out _));
        int[] Tokens(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetInt32())];
        ApiException Wrong() => RequestFields.Wrong("prompt", "a string, tokens, or an array of either", prompt);
    }

    private static int[] Chat(RequestFields fields, ServerParts parts)
    {
        if (fields.Take("messages") is not { ValueKind: JsonValueKind.Array } messages || messages.GetArrayLength() == 0) throw ApiException.Invalid("messages: expected an array with at least one message", "messages");
        var template = parts.ChatTemplate.Value ?? throw ApiException.Invalid($"base '{parts.Base.Name}' has no chat template; use /v1/completions");
        var text = template.Render([.. messages.EnumerateArray().Select(Message)], addGenerationPrompt: true, parts.Clock);
        // The template has written the special tokens itself.
        return parts.Tokenizer.Encode(text);
    }

    private static ChatMessage Message(JsonElement message)
    {
        var fields = new RequestFields(message);
        var role = fields.RequiredText("role");
        var content = fields.Take("content") switch
        {
            { ValueKind: JsonValueKind.String } text => text.GetString()!,
            { ValueKind: JsonValueKind.Array } parts => string.Concat(parts.EnumerateArray().Select(Part)),
            { } other => throw RequestFields.Wrong("content", "a string or parts of text", other),
            null => throw ApiException.Invalid("content: missing", "messages"),
        };
        fields.Take("name");
        fields.Finish();
        return new ChatMessage(role, content);
    }

    private static string Part(JsonElement part)
    {
        var fields = new RequestFields(part);
        if (fields.RequiredText("type") is not "text" and var type) throw ApiException.Invalid($"content: type {PolicyId.Quote(type)} is not supported; expected text", "messages");
        var text = fields.RequiredText("text");
        fields.Finish();
        return text;
    }
}
