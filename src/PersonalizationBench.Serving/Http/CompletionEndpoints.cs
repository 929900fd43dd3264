using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>OpenAI's <c>/v1/models</c>, <c>/v1/completions</c> and <c>/v1/chat/completions</c>
/// (https://platform.openai.com/docs/api-reference).</summary>
internal sealed class CompletionEndpoints(ServerParts parts, ServerOptions options)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/models", (HttpContext context) => Results.Json(new { @object = "list", data = Models(context.Key(KeyKind.Inference)) }));
        routes.MapGet("/v1/models/{model}", (string model, HttpContext context) =>
        {
            Resolve(context.Key(KeyKind.Inference).Owner, model);
            return Results.Json(Model(model));
        });
        routes.MapPost("/v1/completions", context => Answer(context, isChat: false));
        routes.MapPost("/v1/chat/completions", context => Answer(context, isChat: true));
    }

    /// <summary>Null: the base. What is not there and what is another's are one and the same.</summary>
    internal Revision? Resolve(string owner, string model)
    {
        if (model == parts.Base.Name) return null;
        Revision revision;
        try
        {
            revision = parts.Registry.Resolve(owner, model);
        }
        catch (RegistryException)
        {
            throw ApiException.NoModel(model);
        }
        return revision;
    }

    private IEnumerable<object> Models(ApiKey key)
    {
        yield return Model(parts.Base.Name);
        for (string? after = null; ;)
        {
            var page = parts.Registry.Policies(key.Owner, after);
            foreach (var policy in page.Where(p => p.Base == parts.Base.Digest)) yield return Model(policy.Id);
            if (page.Count == 0) yield break;
            after = page[^1].Id;
        }
    }

    private object Model(string id) => new { id, @object = "model", created = 0, owned_by = id == parts.Base.Name ? "base" : "you" };

    private async Task Answer(HttpContext context, bool isChat)
    {
        var key = context.Key(KeyKind.Inference);
        var body = await RequestBody.Json(context.Request, options.MaxBodyBytes);
        var request = CompletionRequest.Read(body, isChat, parts, options);
        // From here on the request belongs to this revision, whatever the pointers do.
        var revision = Resolve(key.Owner, request.Model);
        var answers = new List<EngineAnswer>();
        try
        {
            foreach (var prompt in request.Prompts) answers.Add(parts.Engine.Submit(new EngineRequest(prompt, request.MaxTokens, revision?.Digest, parts.Stops, request.Sampling)));
            context.Response.Headers["X-Revision"] = revision is null ? parts.Base.Name : $"{revision.Policy}@{revision.Number.ToString(System.Globalization.CultureInfo.InvariantCulture)}";
            if (request.IsStream) await Stream(context, request, answers);
            else await Whole(context, request, answers);
        }
        finally
        {
            // A broken connection, too: what it asked for is not computed on.
            foreach (var answer in answers) answer.Cancel();
        }
    }

    private async Task Whole(HttpContext context, CompletionRequest request, List<EngineAnswer> answers)
    {
        var choices = new List<object>();
        var usage = new Usage();
        foreach (var (answer, index) in answers.Select((a, i) => (a, i)))
        {
            var (text, log) = (new System.Text.StringBuilder(), new List<GeneratedToken>());
            var reader = new AnswerText(parts.Tokenizer, request.StopTexts);
            await foreach (var token in answer.Tokens.ReadAllAsync(context.RequestAborted))
            {
                text.Append(reader.Add(token.Id));
                log.Add(token);
                if (reader.IsStopped) break;
            }
            text.Append(reader.Rest());
            if (reader.IsStopped) answer.Cancel();
            var result = await answer.Result;
            RequireDone(result, reader.IsStopped);
            usage.Add(result, log.Count);
            choices.Add(Choice(request, index, text.ToString(), Reason(result, reader.IsStopped), log, isDelta: false));
        }
        await context.Response.WriteAsJsonAsync(Envelope(request, choices, usage.Body, isChunk: false), context.RequestAborted);
    }

    private async Task Stream(HttpContext context, CompletionRequest request, List<EngineAnswer> answers)
    {
        var usage = new Usage();
        for (var index = 0; index < answers.Count; index++)
        {
            var (answer, reader) = (answers[index], new AnswerText(parts.Tokenizer, request.StopTexts));
            // A failure before the first token still gets a status of its own.
            if (!await answer.Tokens.WaitToReadAsync(context.RequestAborted)) RequireDone(await answer.Result, isStopped: false);
            if (index == 0)
            {
                context.Response.ContentType = "text/event-stream";
                context.Response.Headers.CacheControl = "no-cache";
                if (request.IsChat) await Send(context, Envelope(request, [new { index = 0, delta = new { role = "assistant", content = "" }, finish_reason = (string?)null }], null, isChunk: true));
            }
            await foreach (var token in answer.Tokens.ReadAllAsync(context.RequestAborted))
            {
                var text = reader.Add(token.Id);
                if (text.Length > 0) await Send(context, Envelope(request, [Choice(request, index, text, null, [token], isDelta: true)], null, isChunk: true));
                if (reader.IsStopped) break;
            }
            if (reader.IsStopped) answer.Cancel();
            var (rest, result) = (reader.Rest(), await answer.Result);
            if (result.Reason == FinishReason.Failed)
            {
                // The status is out: the error is the last event, and no [DONE] follows.
                await Send(context, new ApiException(StatusCodes.Status500InternalServerError, "failed", result.Error ?? "the answer failed").Body);
                return;
            }
            usage.Add(result, reader.Count);
            await Send(context, Envelope(request, [Choice(request, index, rest, Reason(result, reader.IsStopped), [], isDelta: true)], null, isChunk: true));
        }
        if (request.IncludesUsage) await Send(context, Envelope(request, [], usage.Body, isChunk: true));
        await context.Response.WriteAsync("data: [DONE]\n\n", context.RequestAborted);
    }

    private static async Task Send(HttpContext context, object body)
    {
        await context.Response.WriteAsync($"data: {JsonSerializer.Serialize(body)}\n\n", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private static void RequireDone(EngineResult result, bool isStopped)
    {
        if (result.Reason == FinishReason.Failed) throw new ApiException(StatusCodes.Status500InternalServerError, "failed", result.Error ?? "the answer failed");
        if (result.Reason == FinishReason.Cancelled && !isStopped) throw new ApiException(StatusCodes.Status503ServiceUnavailable, "stopping", "the server is stopping");
    }

    private static string Reason(EngineResult result, bool isStopped) => isStopped || result.Reason == FinishReason.Stop ? "stop" : "length";

    private object Envelope(CompletionRequest request, IReadOnlyList<object> choices, object? usage, bool isChunk) => new
    {
        id = $"{(request.IsChat ? "chatcmpl" : "cmpl")}-{Guid.NewGuid():n}",
        @object = request.IsChat ? isChunk ? "chat.completion.chunk" : "chat.completion" : "text_completion",
        created = parts.Clock.GetUtcNow().ToUnixTimeSeconds(),
        model = request.Model,
        choices,
        usage,
    };

    private object Choice(CompletionRequest request, int index, string text, string? reason, IReadOnlyList<GeneratedToken> tokens, bool isDelta)
    {
        if (request.IsChat)
        {
            object? log = request.Sampling.LogProbabilities ? new { content = tokens.Select(t => new { token = parts.Tokenizer.Decode([t.Id]), logprob = t.LogProbability, top_logprobs = Array.Empty<object>() }) } : null;
            return isDelta
                ? new { index, delta = new { content = text }, logprobs = log, finish_reason = reason }
                : new { index, message = new { role = "assistant", content = text, refusal = (string?)null }, logprobs = log, finish_reason = reason };
        }
        return new
        {
            index,
            text,
            logprobs = request.Sampling.LogProbabilities ? new { tokens = tokens.Select(t => parts.Tokenizer.Decode([t.Id])), token_logprobs = tokens.Select(t => t.LogProbability) } : null,
            finish_reason = reason,
        };
    }

    private sealed class Usage
    {
        private int _prompt, _answer, _cached;

        public void Add(EngineResult result, int tokens) => (_prompt, _answer, _cached) = (_prompt + result.PromptTokens, _answer + tokens, _cached + result.CachedTokens);

        public object Body => new { prompt_tokens = _prompt, completion_tokens = _answer, total_tokens = _prompt + _answer, prompt_tokens_details = new { cached_tokens = _cached } };
    }
}
