using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using PersonalizationBench.Models.Checkpoints;

namespace PersonalizationBench.Serving.Tests;

/// <summary>What a server must pass to be trusted, through HTTP.</summary>
public sealed class TrustTests(HttpFixture server) : IClassFixture<HttpFixture>
{
    [Fact]
    public async Task An_unknown_adapter_is_404_and_never_the_base()
    {
        using var client = server.Client("anna");
        foreach (var model in new[] { "third", "first@9", "first@canary", "tiny2", "first@0" })
            Assert.Equal((404, "model_not_found"), await StatusOf(client, model));
    }

    [Fact]
    public async Task Anothers_adapter_is_404_like_a_missing_one_and_models_shows_ones_own()
    {
        using var anna = server.Client("anna");
        using var bert = server.Client("bert");
        using var carl = server.Client("carl");
        Assert.Equal(HttpFixture.Says(0), await HttpFixture.Ask(anna, "first"));
        Assert.Equal(HttpFixture.Says(2), await HttpFixture.Ask(bert, "first"));
        // Cached by now, and still not to be had.
        var missing = await HttpFixture.Error(await carl.PostAsJsonAsync("/v1/completions", HttpFixture.Completion("nobodys")));
        foreach (var model in new[] { "first", "second", "first@1", "first@live" })
        {
            var error = await HttpFixture.Error(await carl.PostAsJsonAsync("/v1/completions", HttpFixture.Completion(model)));
            Assert.Equal(missing with { Message = missing.Message.Replace("nobodys", model, StringComparison.Ordinal) }, error);
        }
        Assert.Equal(["tiny"], await Models(carl));
        Assert.Contains("second", await Models(anna));
        Assert.DoesNotContain("second", await Models(bert));
    }

    [Fact]
    public async Task An_adapters_bytes_are_its_owners_with_an_admin_key_alone()
    {
        const string Path = "/v1/policies/second/revisions/1/adapter";
        using var anna = server.Client("anna", KeyKind.Admin);
        Assert.Equal(AdapterBlob.Pack(server.Canary(1)), await anna.GetByteArrayAsync(Path));
        using var bert = server.Client("bert", KeyKind.Admin);
        Assert.Equal(404, (await HttpFixture.Error(await bert.GetAsync(Path))).Status);
        using var reader = server.Client("anna");
        Assert.Equal(403, (await HttpFixture.Error(await reader.GetAsync(Path))).Status);
    }

    [Fact]
    public async Task Revocation_is_immediate_and_publishing_and_inference_have_separate_keys()
    {
        var inference = server.Registry.CreateKey("anna", KeyKind.Inference, "test");
        using var client = server.WithSecret(inference.Secret);
        using var admin = server.Client("anna", KeyKind.Admin);
        Assert.Equal(HttpFixture.Says(0), await HttpFixture.Ask(client, "first"));
        server.Registry.RevokeKey("anna", inference.Key.Id, "test");
        Assert.Equal((401, "invalid_api_key"), await StatusOf(client, "first"));

        using var other = server.Client("anna");
        Assert.Equal(403, (await HttpFixture.Error(await other.GetAsync("/v1/policies"))).Status);
        Assert.Equal((403, "wrong_key"), await StatusOf(admin, "first"));
        using var nobody = server.WithSecret(null);
        Assert.Equal((401, "invalid_api_key"), await StatusOf(nobody, "first"));
        Assert.Equal(401, (await HttpFixture.Error(await nobody.GetAsync("/v1/status"))).Status);
    }

    [Fact]
    public async Task A_request_pins_its_revision_at_admission_and_rollback_restores_exact_bytes()
    {
        var first = server.Publish("anna", "swapped", 3);
        using var client = server.Client("anna");
        var before = await HttpFixture.Ask(client, "swapped");
        using var stream = await client.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        { Content = JsonContent.Create(new { model = "swapped", prompt = "5 6", max_tokens = 100, temperature = 0, stream = true }) }, HttpCompletionOption.ResponseHeadersRead);
        server.Publish("anna", "swapped", 4);
        Assert.Equal(HttpFixture.Says(4), await HttpFixture.Ask(client, "swapped"));
        var streamed = await Streamed(stream);
        Assert.All(streamed, t => Assert.Equal(TinyServing.FirstCanaryToken + 3, t));

        server.Registry.Rollback("anna", "swapped", Pointer.Live, 1, 2, "test");
        Assert.Equal(before, await HttpFixture.Ask(client, "swapped"));
        Assert.Equal(first.Digest, server.Registry.Resolve("anna", "swapped").Digest);
        Assert.Equal(HttpFixture.Says(4), await HttpFixture.Ask(client, "swapped@2"));
    }

    [Fact]
    public async Task Swap_and_rollback_under_load_never_answer_with_what_was_not_published()
    {
        server.Publish("anna", "busy", 5);
        server.Publish("anna", "busy", 6);
        using var client = server.Client("anna");
        using var stop = new CancellationTokenSource();
        var seen = new ConcurrentBag<int>();
        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var said = await HttpFixture.Ask(client, "busy", 8);
                Assert.Single(said.Distinct());
                seen.Add(said[0]);
            }
        })).ToList();
        for (var i = 0; i < 60; i++)
        {
            var now = server.Registry.Resolve("anna", "busy").Number;
            if (now == 2) server.Registry.Rollback("anna", "busy", Pointer.Live, 1, 2, "test");
            else server.Registry.Publish("anna", "busy", Pointer.Live, 2, 1, "test");
            // What is asked from now on is of the new one.
            Assert.Equal(HttpFixture.Says(now == 2 ? 5 : 6), await HttpFixture.Ask(client, "busy"));
        }
        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.Equal([TinyServing.FirstCanaryToken + 5, TinyServing.FirstCanaryToken + 6], seen.Distinct().Order());
    }

    [Fact]
    public async Task A_broken_stream_frees_what_it_held()
    {
        using var client = server.Client("anna");
        for (var i = 0; i < 10; i++)
        {
            using var response = await client.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
            { Content = JsonContent.Create(new { model = "first", prompt = "5 6", max_tokens = 150, temperature = 0, stream = true }) }, HttpCompletionOption.ResponseHeadersRead);
            using var body = await response.Content.ReadAsStreamAsync();
            await body.ReadExactlyAsync(new byte[10]);
        }
        await Eventually(() => server.Engine.Metrics.Running == 0 && server.Engine.Slots.InUse == 0 && server.Engine.Pages.Available == server.Engine.Pages.Pages);
    }

    [Fact]
    public async Task What_does_not_fit_the_base_is_refused_before_it_is_a_revision()
    {
        using var admin = server.Client("anna", KeyKind.Admin);
        Assert.Equal(201, (int)(await admin.PostAsJsonAsync("/v1/policies", new { id = "checked", rank = 4, modules = TinyServing.Config.Projections })).StatusCode);
        var good = server.Canary(7);
        var nan = good.Modules[0] with { B = Poisoned(good.Modules[0].B) };
        foreach (var (adapter, why) in new (PeftAdapter, string)[]
        {
            (good with { BaseDigest = "another" }, "another"),
            (good with { Config = good.Config with { Rank = 3 } }, "shape"),
            (new PeftAdapter(good.Config, [nan, .. good.Modules.Skip(1)], good.BaseDigest), "NaN"),
        })
        {
            var (status, _, message) = await HttpFixture.Error(await Upload(admin, "checked", Blob(adapter)));
            Assert.True(status == 400, $"{why}: {status} {message}");
        }
        foreach (var bytes in new[] { [], new byte[100], AdapterBlob.Pack(good)[..^1], [.. AdapterBlob.Pack(good), 0] })
            Assert.Equal(400, (await HttpFixture.Error(await Upload(admin, "checked", bytes))).Status);
        Assert.Empty((await admin.GetFromJsonAsync<JsonElement>("/v1/policies/checked/revisions")).GetProperty("data").EnumerateArray());
        Assert.Equal(201, (int)(await Upload(admin, "checked", AdapterBlob.Pack(good))).StatusCode);

        static byte[] Blob(PeftAdapter adapter)
        {
            try
            {
                return AdapterBlob.Pack(adapter);
            }
            catch (Core.PbenchException)
            {
                return [1, 2, 3];
            }
        }

        static ReadOnlyMemory<byte> Poisoned(ReadOnlyMemory<byte> values)
        {
            var copy = values.ToArray();
            BitConverter.GetBytes(float.NaN).CopyTo(copy, 0);
            return copy;
        }
    }

    [Fact]
    public async Task Names_are_opaque_and_lead_nowhere()
    {
        using var client = server.Client("anna");
        using var admin = server.Client("anna", KeyKind.Admin);
        foreach (var id in new[] { "..", "../first", "/etc/passwd", "a/b", "%2e%2e", "first\0", "http://x/y", "First", "a..b", "", new string('a', 64), "-x" })
        {
            Assert.Equal(404, (await StatusOf(client, id)).Status);
            Assert.Equal(400, (await HttpFixture.Error(await admin.PostAsJsonAsync("/v1/policies", new { id }))).Status);
            var path = await admin.GetAsync($"/v1/policies/{Uri.EscapeDataString(id)}");
            Assert.True((int)path.StatusCode is 400 or 404 || id.Length == 0, $"'{id}': {(int)path.StatusCode}");
        }
    }

    [Fact]
    public async Task The_life_of_a_policy()
    {
        using var admin = server.Client("anna", KeyKind.Admin);
        using var client = server.Client("anna");
        await admin.PostAsJsonAsync("/v1/policies", new { id = "whole", rank = 8 });
        var form = new MultipartFormDataContent();
        var folder = Directory.CreateTempSubdirectory("pbench-peft-").FullName;
        PeftAdapterFile.Save(folder, server.Tiny.Adapters[8] with { BaseDigest = null });
        var settings = Path.Combine(folder, PeftAdapterFile.ConfigName);
        File.WriteAllText(settings, File.ReadAllText(settings).Replace("\"target_modules\": [", "\"target_modules\": [\"r_proj\",", StringComparison.Ordinal));
        foreach (var name in new[] { PeftAdapterFile.ConfigName, PeftAdapterFile.WeightsName }) form.Add(new ByteArrayContent(File.ReadAllBytes(Path.Combine(folder, name))), name, name);
        Directory.Delete(folder, recursive: true);
        var uploaded = await admin.PostAsync("/v1/policies/whole/revisions", form);
        Assert.Equal(201, (int)uploaded.StatusCode);
        Assert.Equal("adapter_config.json: target_modules: 'r_proj' is none of the modules that have tensors", (await uploaded.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("notes")[0].GetString());
        Assert.Equal(201, (int)(await Upload(admin, "whole", AdapterBlob.Pack(server.Canary(9)), "?parent=1")).StatusCode);
        Assert.Equal(404, (await StatusOf(client, "whole")).Status);

        var evaluated = await (await admin.PostAsJsonAsync("/v1/policies/whole/revisions/2/evaluations", new
        {
            name = "recall",
            max_tokens = 2,
            probes = new[] { new { prompt = "5 6", accepted = new[] { "29 29" } }, new { prompt = "7", accepted = new[] { "1 1" } } },
        })).Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(0.5, evaluated.GetProperty("value").GetDouble());

        Assert.Equal(200, (int)(await admin.PutAsJsonAsync("/v1/policies/whole/pointers/live", new { revision = 1 })).StatusCode);
        Assert.Equal(409, (await HttpFixture.Error(await admin.PutAsJsonAsync("/v1/policies/whole/pointers/live", new { revision = 2 }))).Status);
        Assert.Equal(200, (int)(await admin.PutAsJsonAsync("/v1/policies/whole/pointers/live", new { revision = 2, expected = 1 })).StatusCode);
        Assert.Equal(HttpFixture.Says(9), await HttpFixture.Ask(client, "whole"));
        Assert.Equal(200, (int)(await admin.PostAsJsonAsync("/v1/policies/whole/pointers/live/rollback", new { revision = 1, expected = 2 })).StatusCode);
        Assert.Equal(HttpFixture.Says(8), await HttpFixture.Ask(client, "whole"));

        var audit = (await admin.GetFromJsonAsync<JsonElement>("/v1/policies/whole/audit")).GetProperty("data").EnumerateArray().Select(e => e.GetProperty("action").GetString());
        Assert.Equal(["create", "revise", "revise", "evaluate", "publish", "publish", "rollback"], audit);
        Assert.Equal(204, (int)(await admin.DeleteAsync("/v1/policies/whole")).StatusCode);
        Assert.Equal(404, (await StatusOf(client, "whole@1")).Status);
    }

    private static async Task<HttpResponseMessage> Upload(HttpClient admin, string policy, byte[] blob, string query = "") =>
        await admin.PostAsync($"/v1/policies/{policy}/revisions{query}", new ByteArrayContent(blob) { Headers = { { "Content-Type", "application/octet-stream" } } });

    private static async Task<(int Status, string Code)> StatusOf(HttpClient client, string model)
    {
        var (status, code, _) = await HttpFixture.Error(await client.PostAsJsonAsync("/v1/completions", HttpFixture.Completion(model)));
        return (status, code);
    }

    private static async Task<string[]> Models(HttpClient client) =>
        [.. (await client.GetFromJsonAsync<JsonElement>("/v1/models")).GetProperty("data").EnumerateArray().Select(m => m.GetProperty("id").GetString()!)];

    internal static async Task<List<int>> Streamed(HttpResponseMessage response)
    {
        var text = new System.Text.StringBuilder();
        var lines = (await response.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", lines[^1]);
        foreach (var line in lines[..^1]) text.Append(JsonDocument.Parse(line["data: ".Length..]).RootElement.GetProperty("choices")[0].GetProperty("text").GetString());
        return [.. text.ToString().Split(' ').Select(t => int.Parse(t, System.Globalization.CultureInfo.InvariantCulture))];
    }

    private static async Task Eventually(Func<bool> holds)
    {
        for (var i = 0; i < 200 && !holds(); i++) await Task.Delay(25);
        Assert.True(holds());
    }
}
