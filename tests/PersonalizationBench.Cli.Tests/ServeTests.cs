using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Cli.Tests.Fakes;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Tests;

/// <summary>From an adapter's folder to an answer over HTTP, by commands.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly Desk _desk = new();

    public void Dispose() => _desk.Dispose();

    [Fact]
    public async Task Adapters_are_published_compared_rolled_back_verified_and_served()
    {
        var bench = await SmallBase.TrainAsync(_desk);
        string[] where = ["--registry", Path.Combine(_desk.Folder, "registry.db"), "--blobs", Path.Combine(_desk.Folder, "blobs")];
        async Task<string> Run(int code, params string[] arguments)
        {
            var before = _desk.Output.Length;
            Assert.True(await PbenchApp.RunAsync([.. arguments, .. where], bench, CancellationToken.None) == code, _desk.Error);
            return _desk.Output[before..];
        }

        using (var loaded = (LoadedBase)bench.Bases.Load("small", Precision.Auto, "cpu"))
            foreach (var rank in new[] { 2, 4 }) PeftAdapterFile.Save(Path.Combine(_desk.Folder, $"r{rank}"), DrawnAdapter.Make(loaded, rank, "test"));
        Assert.Equal("diary@1 is live\n", await Run(0, "adapters", "publish", "anna", "diary", Path.Combine(_desk.Folder, "r4"), "--base", "small"));
        var settings = Path.Combine(_desk.Folder, "r2", PeftAdapterFile.ConfigName);
        File.WriteAllText(settings, File.ReadAllText(settings).Replace("\"target_modules\": [", "\"target_modules\": [\"r_proj\",", StringComparison.Ordinal));
        Assert.Equal("diary@2 is live\n", await Run(0, "adapters", "publish", "anna", "diary", Path.Combine(_desk.Folder, "r2"), "--base", "small"));
        Assert.Contains("pbench: r2/adapter_config.json: target_modules: 'r_proj' is none of the modules that have tensors\n", _desk.Error, StringComparison.Ordinal);
        var listed = (await Run(0, "adapters", "list", "anna")).Split('\n')[1].Split('\t');
        Assert.Equal(["diary", "4", "live=2"], new[] { listed[0], listed[1], listed[3] });
        Assert.Equal(7, listed[2].Split(' ').Length);
        Assert.Contains("revision 2: ", await Run(0, "adapters", "show", "anna", "diary"), StringComparison.Ordinal);
        var diff = (await Run(0, "adapters", "diff", "anna", "diary@1", "diary@2")).Split('\n');
        Assert.StartsWith("digest: ", diff[0], StringComparison.Ordinal);
        Assert.Equal(7, diff.Count(l => l.StartsWith("model.layers.0.", StringComparison.Ordinal)));
        Assert.Equal("diary: live 2 -> 1\n", await Run(0, "adapters", "rollback", "anna", "diary"));
        Assert.Equal("2 revisions, 0 problems\n", await Run(0, "adapters", "verify", "anna"));

        var key = (await Run(0, "keys", "create", "anna")).Trim();
        Assert.Contains("inference", await Run(0, "keys", "list", "anna"), StringComparison.Ordinal);
        using (var registry = RegistryDatabase.Open(where[1], new FolderBlobs(where[3], bench.Clock), bench.Clock))
        {
            using var server = RunningServer.Start(bench.Bases, bench.Clock, "small", Precision.Auto, registry, new ServingMemory(2, 8, 1 << 20, 1 << 20), new EngineOptions(), new ServerOptions { Url = "http://127.0.0.1:0" });
            await server.Http.StartAsync();
            using var client = new HttpClient { BaseAddress = new Uri(server.Addresses.Single()) };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            var answer = await client.PostAsJsonAsync("/v1/completions", new { model = "diary", prompt = "a", max_tokens = 3, temperature = 0 });
            Assert.Equal("diary@1", answer.Headers.GetValues("X-Revision").Single());
            Assert.Equal(1, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices").GetArrayLength());
            await server.Http.StopAsync();
        }

        // A flipped byte of a blob is found by its hash, and the command says so with its exit code.
        var blob = Directory.EnumerateFiles(where[3], "*.safetensors", SearchOption.AllDirectories).First();
        var bytes = File.ReadAllBytes(blob);
        bytes[^1] ^= 1;
        File.SetAttributes(blob, FileAttributes.Normal);
        File.WriteAllBytes(blob, bytes);
        Assert.Equal("2 revisions, 1 problems\n", await Run(1, "adapters", "verify", "anna"));
    }

    [Fact]
    public async Task What_is_not_there_is_said()
    {
        string[] where = ["--registry", Path.Combine(_desk.Folder, "registry.db"), "--blobs", Path.Combine(_desk.Folder, "blobs")];
        Assert.NotEqual(0, await _desk.Run(["adapters", "show", "anna", "nothing", .. where]));
        Assert.Contains("nothing", _desk.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, await _desk.Run(["serve", "tiny", "--slots", "0", .. where]));
        Assert.Contains("--slots: expected at least 1, found 0", _desk.Error, StringComparison.Ordinal);
    }
}
