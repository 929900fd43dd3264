using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using PersonalizationBench.Core;
using PersonalizationBench.Load;

namespace PersonalizationBench.Benchmarks;

/// <summary>A server that is asked over HTTP for whole greedy answers to prompts of ids.</summary>
public abstract class Completions(Uri address) : IDisposable
{
    private readonly HttpClient _client = new() { BaseAddress = address, Timeout = TimeSpan.FromMinutes(5) };

    public Uri Address => address;

    /// <param name="adapter">Which; -1: the base alone.</param>
    /// <returns>Tokens of the answer: fewer than asked for where it ends by itself.</returns>
    public abstract Task<int> AskAsync(int[] prompt, int adapter, int tokens, CancellationToken cancellation);

    public void Dispose() => _client.Dispose();

    protected async Task<JsonElement> PostAsync(string path, object body, AuthenticationHeaderValue? authorization, CancellationToken cancellation)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body), Headers = { Authorization = authorization } };
            using var response = await _client.SendAsync(request, cancellation);
            if (!response.IsSuccessStatusCode) throw new PbenchException(FormattableString.Invariant($"{_client.BaseAddress}: {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellation)}"));
            return await response.Content.ReadFromJsonAsync<JsonElement>(cancellation);
        }
        catch (HttpRequestException e)
        {
            throw new PbenchException($"{_client.BaseAddress}: {path}: the server has gone: {e.Message}", e);
        }
    }
}

/// <summary><c>pbench serve</c>.</summary>
/// <param name="secret">Of a key whose owner has the policies.</param>
public sealed class OurCompletions(Uri address, string baseName, string secret) : Completions(address)
{
    private readonly AuthenticationHeaderValue _key = new("Bearer", secret);

    public override async Task<int> AskAsync(int[] prompt, int adapter, int tokens, CancellationToken cancellation)
    {
        var model = adapter < 0 ? baseName : LoadPopulation.PolicyName(adapter);
        var answer = await PostAsync("/v1/completions", new { model, prompt, max_tokens = tokens, temperature = 0 }, _key, cancellation);
        return answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32();
    }
}

/// <summary>llama.cpp's server. Nothing of a prompt is kept for another, and there is nothing to sample, which is the least work for it.</summary>
public sealed class LlamaCompletions(Uri address) : Completions(address)
{
    private static readonly string[] s_samplers = ["top_k"], s_fields = ["tokens"];

    public override async Task<int> AskAsync(int[] prompt, int adapter, int tokens, CancellationToken cancellation) => (await AnswerAsync(prompt, adapter, tokens, cancellation)).Count;

    /// <summary>What the server wants to hear of adapters. An empty list is all that it has loaded, at full scale, whatever it was told at its start.</summary>
    internal static object[] AdaptersOf(int adapter) => [adapter < 0 ? new { id = 0, scale = 0.0 } : new { id = adapter, scale = 1.0 }];

    public async Task<IReadOnlyList<int>> AnswerAsync(int[] prompt, int adapter, int tokens, CancellationToken cancellation)
    {
        var answer = await PostAsync("/completion", new
        {
            prompt,
            n_predict = tokens,
            temperature = 0,
            top_k = 1,
            samplers = s_samplers,
            stream = false,
            cache_prompt = false,
            return_tokens = true,
            response_fields = s_fields,
            lora = AdaptersOf(adapter),
        }, null, cancellation);
        return [.. answer.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt32())];
    }
}
