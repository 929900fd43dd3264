using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Serving.Tests;

/// <summary>A server on a free port with two owners: anna has the canaries 0 and 1, bert has 2; carl has keys and nothing else.</summary>
public sealed class HttpFixture : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pbench-http-").FullName;
    private WebApplication? _http;

    public TinyServing Tiny { get; } = new();

    public ServingEngine Engine { get; private set; } = null!;

    public AdapterCache Cache { get; private set; } = null!;

    public IRegistry Registry { get; private set; } = null!;

    public Uri Address { get; private set; } = null!;

    public ServerOptions Options { get; } = new() { Url = "http://127.0.0.1:0", RequestsPerSecond = 100_000 };

    public async Task InitializeAsync()
    {
        Registry = RegistryDatabase.Open(Path.Combine(_folder, "registry.db"), new FolderBlobs(Path.Combine(_folder, "blobs"), TimeProvider.System), TimeProvider.System);
        var model = Tiny.Serve(pages: 400, slots: 4);
        Cache = new AdapterCache(new RegistryAdapterSource(Registry.Blobs, model.Layout, Tiny.Base.Info.Digest), 1 << 24, TimeProvider.System);
        Engine = new ServingEngine(model, Tiny.Base.Info.Digest, Cache, new EngineOptions(), TimeProvider.System);
        var parts = new ServerParts(Tiny.Base.Info, TinyServing.Config, Tiny.Base.Tokenizer, new HashSet<int>(), new Lazy<ChatTemplate?>(() => null), Engine, Cache, Registry, TimeProvider.System);
        _http = Server.Build(parts, Options);
        await _http.StartAsync();
        Address = new Uri(_http.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Publish("anna", "first", 0);
        Publish("anna", "second", 1);
        Publish("bert", "first", 2);
    }

    public async Task DisposeAsync()
    {
        await _http!.StopAsync();
        await _http.DisposeAsync();
        Engine.Dispose();
        Registry.Dispose();
        Tiny.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    public Revision Publish(string owner, string policy, int canary, string pointer = Pointer.Live)
    {
        var publisher = new AdapterPublisher(Registry, owner, "test");
        var revision = publisher.Add(policy, Canary(canary), TinyServing.Config, new NewRevision("", "test"));
        publisher.Point(policy, pointer, revision.Number);
        return revision;
    }

    public PeftAdapter Canary(int canary) => Tiny.Adapters[canary] with { BaseDigest = Tiny.Base.Info.Digest };

    /// <summary>With a key of this owner.</summary>
    public HttpClient Client(string owner, KeyKind kind = KeyKind.Inference) => WithSecret(Registry.CreateKey(owner, kind, "test").Secret);

    public HttpClient WithSecret(string? secret)
    {
        var client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(60) };
        if (secret is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        return client;
    }

    public static object Completion(string model, int tokens = 3) => new { model, prompt = "5 6 7", max_tokens = tokens, temperature = 0 };

    /// <summary>The answer's tokens.</summary>
    public static async Task<int[]> Ask(HttpClient client, string model, int tokens = 3)
    {
        var response = await client.PostAsJsonAsync("/v1/completions", Completion(model, tokens));
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.IsSuccessStatusCode, body.ToString());
        return [.. body.GetProperty("choices")[0].GetProperty("text").GetString()!.Split(' ').Select(t => int.Parse(t, System.Globalization.CultureInfo.InvariantCulture))];
    }

    public static int[] Says(int canary, int tokens = 3) => [.. Enumerable.Repeat(TinyServing.FirstCanaryToken + canary, tokens)];

    /// <summary>Status and code of an error, which has OpenAI's form.</summary>
    public static async Task<(int Status, string Code, string Message)> Error(HttpResponseMessage response)
    {
        var error = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
        return ((int)response.StatusCode, error.GetProperty("code").GetString()!, error.GetProperty("message").GetString()!);
    }
}
