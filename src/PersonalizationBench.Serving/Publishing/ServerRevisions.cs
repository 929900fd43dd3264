using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving;

/// <summary>The policies of a key's owner on a running <c>pbench serve</c>.</summary>
public sealed class ServerRevisions : IRevisionStore
{
    private readonly HttpClient _client;
    private readonly AuthenticationHeaderValue _admin, _inference;

    /// <param name="url">Such as http://127.0.0.1:8080.</param>
    /// <param name="admin">Key that reads, uploads and publishes.</param>
    /// <param name="inference">Key that asks.</param>
    public ServerRevisions(string url, string admin, string inference)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https")) throw new PbenchException($"--server {url}: expected an address such as http://127.0.0.1:8080");
        _client = new HttpClient { BaseAddress = address };
        (_admin, _inference) = (new AuthenticationHeaderValue("Bearer", admin), new AuthenticationHeaderValue("Bearer", inference));
    }

    public async Task<StoredAdapter?> FindAsync(string policy, string pointer, CancellationToken cancellation)
    {
        if (await TrySendAsync(HttpMethod.Get, $"{Path(policy)}/pointers", null, cancellation) is not { } found) return null;
        var pointers = JsonSerializer.Deserialize<JsonElement>(found).GetProperty("data").EnumerateArray();
        if (pointers.FirstOrDefault(p => p.GetProperty("name").GetString() == pointer) is not { ValueKind: JsonValueKind.Object } at) return null;
        var revision = at.GetProperty("revision").GetInt32();
        var source = FormattableString.Invariant($"{policy}@{revision}");
        return new StoredAdapter(revision, AdapterBlob.Read(await SendAsync(HttpMethod.Get, FormattableString.Invariant($"{Path(policy)}/revisions/{revision}/adapter"), null, cancellation), source));
    }

    public async Task<int> AddAsync(string policy, PeftAdapter adapter, DecoderConfig config, NewRevision origin, IReadOnlyList<Measured> measured, CancellationToken cancellation)
    {
        if (await TrySendAsync(HttpMethod.Get, Path(policy), null, cancellation) is null)
        {
            var ranks = adapter.RequireShapes(config, "adapter");
            await SendAsync(HttpMethod.Post, "v1/policies", JsonContent.Create(new { id = policy, rank = ranks.Values.Max(), modules = config.Projections.Where(ranks.ContainsKey) }), cancellation);
        }
        var known = new (string Name, string? Value)[] { ("parent", origin.Parent?.ToString(CultureInfo.InvariantCulture)), ("data", origin.Data), ("training", origin.Training), ("code", origin.Code) };
        var query = string.Join('&', known.Where(k => k.Value is not null).Select(k => $"{k.Name}={Uri.EscapeDataString(k.Value!)}"));
        var added = await SendAsync(HttpMethod.Post, $"{Path(policy)}/revisions?{query}", new ByteArrayContent(AdapterBlob.Pack(adapter)), cancellation);
        var revision = JsonSerializer.Deserialize<JsonElement>(added).GetProperty("revision").GetInt32();
        foreach (var one in measured)
        {
            var evaluation = new JsonObject { ["name"] = one.Name, ["value"] = one.Value };
            if (one.Details is { } details) evaluation["details"] = JsonNode.Parse(details);
            await SendAsync(HttpMethod.Post, FormattableString.Invariant($"{Path(policy)}/revisions/{revision}/evaluations"), JsonContent.Create(evaluation), cancellation);
        }
        return revision;
    }

    public Task PublishAsync(string policy, string pointer, int revision, int? expected, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Put, $"{Path(policy)}/pointers/{Uri.EscapeDataString(pointer)}", expected is null ? JsonContent.Create(new { revision }) : JsonContent.Create(new { revision, expected }), cancellation);

    /// <summary>Moves a pointer that stands where expected back to an earlier revision.</summary>
    public Task RollBackAsync(string policy, string pointer, int revision, int expected, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, $"{Path(policy)}/pointers/{Uri.EscapeDataString(pointer)}/rollback", JsonContent.Create(new { revision, expected }), cancellation);

    /// <summary>One token of the policy's pointer. Throws where another revision than this one gave it.</summary>
    public async Task AskAsync(string policy, string pointer, int revision, string prompt, CancellationToken cancellation)
    {
        var asked = JsonContent.Create(new { model = $"{policy}@{pointer}", prompt = prompt.Length > 0 ? prompt : ".", max_tokens = 1, temperature = 0 });
        using var response = await RespondAsync(HttpMethod.Post, "v1/completions", asked, _inference, cancellation);
        await BodyAsync(response, cancellation);
        var (expected, served) = (FormattableString.Invariant($"{policy}@{revision}"), response.Headers.GetValues("X-Revision").Single());
        if (served != expected) throw new PbenchException($"{_client.BaseAddress}: {served} answered; expected {expected}");
    }

    public void Dispose() => _client.Dispose();

    private static string Path(string policy) => $"v1/policies/{Uri.EscapeDataString(policy)}";

    /// <summary>The body; null where there is no such thing.</summary>
    private async Task<byte[]?> TrySendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using var response = await RespondAsync(method, path, content, _admin, cancellation);
        return response.StatusCode == HttpStatusCode.NotFound ? null : await BodyAsync(response, cancellation);
    }

    private async Task<byte[]> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using var response = await RespondAsync(method, path, content, _admin, cancellation);
        return await BodyAsync(response, cancellation);
    }

    private async Task<HttpResponseMessage> RespondAsync(HttpMethod method, string path, HttpContent? content, AuthenticationHeaderValue key, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = key;
        try
        {
            return await _client.SendAsync(request, cancellation);
        }
        catch (HttpRequestException e)
        {
            throw new PbenchException($"--server {_client.BaseAddress}: could not be reached: {e.Message}", e);
        }
    }

    private async Task<byte[]> BodyAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        if (response.IsSuccessStatusCode) return body;
        var message = $"--server {_client.BaseAddress}: {(int)response.StatusCode}: {Said(body) ?? response.ReasonPhrase}";
        throw response.StatusCode == HttpStatusCode.Conflict ? new RegistryException(RegistryError.Conflict, message) : new PbenchException(message);
    }

    /// <summary>The message of an error in OpenAI's form; null where it has another.</summary>
    private static string? Said(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(body).GetProperty("error").GetProperty("message").GetString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }
}
