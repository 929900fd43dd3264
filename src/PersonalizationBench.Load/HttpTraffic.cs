using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Load;

/// <summary>An owner of the traffic, with a key of each kind.</summary>
public sealed record TrafficOwner(string Name, string InferenceKey, string AdminKey);

/// <summary>Where a policy's pointer stands by what the server has said.</summary>
public sealed class TrafficPolicy(TrafficOwner owner, string id)
{
    public TrafficOwner Owner => owner;

    public string Id => id;

    /// <summary>One change at a time: what it finds is known.</summary>
    public SemaphoreSlim Change { get; } = new(1);

    public int Revisions { get; set; }

    /// <summary>The last that was confirmed.</summary>
    public int Live { get; set; }

    /// <summary>Asked for and not confirmed: after a crash either may stand.</summary>
    public int? Pending { get; set; }

    /// <summary>Every confirmed move, and when it was known to be done.</summary>
    public List<(int Revision, DateTimeOffset At)> Confirmed { get; } = [];
}

/// <summary>An answer by a revision that the request had not named.</summary>
public sealed record ServedAnswer(TrafficPolicy Policy, int Revision, DateTimeOffset Asked, DateTimeOffset Answered);

/// <summary>
/// Random requests to a server, as many at a time as there are workers: answers, streams, streams that are given up, uploads, publishes,
/// rollbacks, other owners' policies, bad requests. Whatever is not as it must be is a fault; the server being gone is not, once that is
/// expected.
/// </summary>
public sealed class HttpTraffic : IDisposable
{
    private const int Prompts = 8, PromptTokens = 24, AnswerTokens = 8;
    private readonly IReadOnlyList<TrafficPolicy> _policies;
    private readonly IReadOnlyList<byte[]> _adapters;
    private readonly IReadOnlyList<int[]> _prompts;
    private readonly string _base;
    private readonly ConcurrentDictionary<string, string> _answers;
    private readonly HttpClient _client;

    /// <param name="adapters">Blobs that are uploaded, again and again.</param>
    /// <param name="answers">By revision and prompt; kept over restarts, as the answers must be.</param>
    public HttpTraffic(Uri address, string baseName, int vocabulary, IReadOnlyList<TrafficPolicy> policies, IReadOnlyList<byte[]> adapters, ConcurrentDictionary<string, string> answers)
    {
        (_base, _policies, _adapters, _answers) = (baseName, policies, adapters, answers);
        _client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
        var random = new DeterministicRandom(1);
        _prompts = [.. Enumerable.Range(0, Prompts).Select(_ => Enumerable.Range(0, PromptTokens).Select(_ => random.Next(2, vocabulary)).ToArray())];
    }

    /// <summary>By what was asked.</summary>
    public ConcurrentDictionary<string, long> Counts { get; } = [];

    public ConcurrentQueue<string> Faults { get; } = [];

    public ConcurrentQueue<ServedAnswer> Served { get; } = [];

    /// <summary>The server may be gone from now on.</summary>
    public bool MayBreak { get; set; }

    /// <param name="pause">Mean time that a worker waits between two requests.</param>
    public Task RunAsync(int workers, TimeSpan pause, int seed, CancellationToken cancellation) => Task.WhenAll(Enumerable.Range(0, workers).Select(w => Task.Run(async () =>
    {
        var random = DeterministicRandom.For(seed, FormattableString.Invariant($"worker {w}"));
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                if (pause > TimeSpan.Zero) await Task.Delay(pause * -Math.Log(1 - random.NextDouble()), cancellation);
                await OneAsync(random, cancellation);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException or JsonException)
            {
                if (MayBreak || cancellation.IsCancellationRequested) return;
                Fault($"{e.GetType().Name}: {e.Message}");
            }
        }
    }, CancellationToken.None)));

    public void Dispose() => _client.Dispose();

    private Task OneAsync(DeterministicRandom random, CancellationToken cancellation)
    {
        var policy = random.Pick(_policies);
        return random.Next(100) switch
        {
            < 40 => AnswerAsync(policy, random, cancellation),
            < 55 => StreamAsync(policy, random, isGivenUp: false, cancellation),
            < 70 => StreamAsync(policy, random, isGivenUp: true, cancellation),
            < 78 => PublishAsync(policy, random, cancellation),
            < 86 => RollBackAsync(policy, random, cancellation),
            < 92 => ForeignAsync(policy, random, cancellation),
            < 97 => BadAsync(policy, random, cancellation),
            _ => LookAsync(policy, cancellation),
        };
    }

    private async Task AnswerAsync(TrafficPolicy policy, DeterministicRandom random, CancellationToken cancellation)
    {
        Count("answers");
        var (model, prompt) = (random.Chance(0.1) ? _base : policy.Id, random.Next(Prompts));
        var asked = DateTimeOffset.UtcNow;
        using var response = await SendAsync(HttpMethod.Post, "/v1/completions", policy.Owner.InferenceKey, Completion(model, prompt, isStream: false), cancellation);
        if (!await ExpectAsync(response, "an answer", HttpStatusCode.OK)) return;
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellation));
        Compare(policy, model, response, prompt, body.RootElement.GetProperty("choices")[0].GetProperty("text").GetString()!, asked);
    }

    private async Task StreamAsync(TrafficPolicy policy, DeterministicRandom random, bool isGivenUp, CancellationToken cancellation)
    {
        Count(isGivenUp ? "streams given up" : "streams");
        var prompt = random.Next(Prompts);
        var asked = DateTimeOffset.UtcNow;
        using var request = Request(HttpMethod.Post, "/v1/completions", policy.Owner.InferenceKey, Completion(policy.Id, prompt, isStream: true));
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (!await ExpectAsync(response, "a stream", HttpStatusCode.OK)) return;
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
        var (text, events, isDone) = ("", 0, false);
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            if (!line.StartsWith("data: ", StringComparison.Ordinal)) continue;
            if (isGivenUp && ++events == 2) return;
            if (isDone = line == "data: [DONE]") break;
            using var body = JsonDocument.Parse(line["data: ".Length..]);
            if (!body.RootElement.TryGetProperty("choices", out var choices)) Fault($"a stream: {line}");
            else if (choices.GetArrayLength() > 0) text += choices[0].GetProperty("text").GetString();
        }
        if (isDone) Compare(policy, policy.Id, response, prompt, text, asked);
        else if (!isGivenUp) throw new IOException("a stream broke off");
    }

    private async Task PublishAsync(TrafficPolicy policy, DeterministicRandom random, CancellationToken cancellation)
    {
        await policy.Change.WaitAsync(cancellation);
        try
        {
            // Where the last move's end is not known, the server is going down; another would hide which of them happened.
            if (policy.Pending is not null) return;
            Count("uploads and publishes");
            using var content = new ByteArrayContent(random.Pick(_adapters));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            using var uploaded = await SendAsync(HttpMethod.Post, $"/v1/policies/{policy.Id}/revisions", policy.Owner.AdminKey, content, cancellation);
            if (!await ExpectAsync(uploaded, "an upload", HttpStatusCode.Created)) return;
            using var body = JsonDocument.Parse(await uploaded.Content.ReadAsStringAsync(cancellation));
            policy.Revisions = body.RootElement.GetProperty("revision").GetInt32();
            await MoveAsync(policy, policy.Revisions, isRollback: false, cancellation);
        }
        finally
        {
            policy.Change.Release();
        }
    }

    private async Task RollBackAsync(TrafficPolicy policy, DeterministicRandom random, CancellationToken cancellation)
    {
        await policy.Change.WaitAsync(cancellation);
        try
        {
            if (policy.Live < 2 || policy.Pending is not null) return;
            Count("rollbacks");
            await MoveAsync(policy, random.Next(1, policy.Live), isRollback: true, cancellation);
        }
        finally
        {
            policy.Change.Release();
        }
    }

    private async Task MoveAsync(TrafficPolicy policy, int to, bool isRollback, CancellationToken cancellation)
    {
        policy.Pending = to;
        var body = policy.Live == 0 ? JsonContent.Create(new { revision = to }) : JsonContent.Create(new { revision = to, expected = policy.Live });
        using var moved = isRollback
            ? await SendAsync(HttpMethod.Post, $"/v1/policies/{policy.Id}/pointers/live/rollback", policy.Owner.AdminKey, body, cancellation)
            : await SendAsync(HttpMethod.Put, $"/v1/policies/{policy.Id}/pointers/live", policy.Owner.AdminKey, body, cancellation);
        if (!await ExpectAsync(moved, isRollback ? "a rollback" : "a publish", HttpStatusCode.OK)) return;
        (policy.Live, policy.Pending) = (to, null);
        policy.Confirmed.Add((to, DateTimeOffset.UtcNow));
    }

    private async Task ForeignAsync(TrafficPolicy policy, DeterministicRandom random, CancellationToken cancellation)
    {
        Count("others' policies");
        var other = _policies.First(p => p.Owner != policy.Owner).Owner;
        using var response = await SendAsync(HttpMethod.Post, "/v1/completions", other.InferenceKey, Completion(policy.Id, random.Next(Prompts), isStream: false), cancellation);
        await ExpectAsync(response, "another's policy", HttpStatusCode.NotFound);
    }

    private async Task BadAsync(TrafficPolicy policy, DeterministicRandom random, CancellationToken cancellation)
    {
        Count("bad requests");
        var (key, isUpload) = (policy.Owner.InferenceKey, false);
        HttpContent content;
        switch (random.Next(6))
        {
            case 0: content = Text("{\"model\": \"x\", "); break;
            case 1: content = JsonContent.Create(new { model = policy.Id, prompt = Enumerable.Repeat(5, 100_000) }); break;
            case 2: content = JsonContent.Create(new { model = policy.Id, prompt = "a", max_tokens = -1 }); break;
            case 3: content = JsonContent.Create(new { model = "../../etc/passwd", prompt = "a" }); break;
            case 4: (key, content) = ("pb-nobody", Completion(policy.Id, 0, isStream: false)); break;
            default:
                (key, isUpload) = (policy.Owner.AdminKey, true);
                var bytes = (byte[])random.Pick(_adapters).Clone();
                content = new ByteArrayContent(bytes[..random.Next(1, bytes.Length)]);
                break;
        }
        using var response = await SendAsync(HttpMethod.Post, isUpload ? $"/v1/policies/{policy.Id}/revisions" : "/v1/completions", key, content, cancellation);
        if ((int)response.StatusCode is < 400 or > 499) Fault($"a bad request: {(int)response.StatusCode}");
    }

    private async Task LookAsync(TrafficPolicy policy, CancellationToken cancellation)
    {
        Count("looks");
        using var models = await SendAsync(HttpMethod.Get, "/v1/models", policy.Owner.InferenceKey, null, cancellation);
        await ExpectAsync(models, "the models", HttpStatusCode.OK);
        using var metrics = await SendAsync(HttpMethod.Get, "/metrics", policy.Owner.InferenceKey, null, cancellation);
        await ExpectAsync(metrics, "the metrics", HttpStatusCode.OK);
    }

    /// <summary>The same revision gives the same answer, whoever else is asking, and for ever.</summary>
    private void Compare(TrafficPolicy policy, string model, HttpResponseMessage response, int prompt, string text, DateTimeOffset asked)
    {
        var revision = response.Headers.GetValues("X-Revision").Single();
        var first = _answers.GetOrAdd($"{policy.Owner.Name} {revision} {prompt}", text);
        if (first != text) Fault($"{revision}: answered '{text}', before '{first}'");
        if (model == policy.Id) Served.Enqueue(new ServedAnswer(policy, int.Parse(revision[(revision.IndexOf('@', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture), asked, DateTimeOffset.UtcNow));
    }

    private async Task<bool> ExpectAsync(HttpResponseMessage response, string what, HttpStatusCode expected)
    {
        if (response.StatusCode == expected) return true;
        Fault($"{what}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return false;
    }

    private JsonContent Completion(string model, int prompt, bool isStream) => JsonContent.Create(new { model, prompt = _prompts[prompt], max_tokens = AnswerTokens, temperature = 0, stream = isStream });

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string key, HttpContent? content, CancellationToken cancellation)
    {
        using var request = Request(method, path, key, content);
        return await _client.SendAsync(request, cancellation);
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string key, HttpContent? content) =>
        new(method, path) { Content = content, Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };

    private static StringContent Text(string json) => new(json, System.Text.Encoding.UTF8, "application/json");

    private void Count(string what) => Counts.AddOrUpdate(what, 1, (_, n) => n + 1);

    private void Fault(string what)
    {
        if (!MayBreak) Faults.Enqueue(what);
    }
}
