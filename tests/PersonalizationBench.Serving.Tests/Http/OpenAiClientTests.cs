using System.Diagnostics;
using System.Text.Json;

namespace PersonalizationBench.Serving.Tests;

/// <summary>OpenAI's client for Node.js, as its package comes, against the server.</summary>
public sealed class OpenAiClientTests(HttpFixture server) : IClassFixture<HttpFixture>
{
    [SkippableFact]
    public async Task Lists_completes_and_streams_ones_own_and_a_strangers_key_gets_404()
    {
        var clients = Folder();
        Skip.If(clients is null, "not measured: no tests/clients here");
        Skip.IfNot(Directory.Exists(Path.Combine(clients!, "node_modules", "openai")) && HasNode(), "not measured: 'npm ci' in tests/clients, and node, are what this test needs");
        string Key(string owner) => server.Registry.CreateKey(owner, KeyKind.Inference, "test").Secret;
        var start = new ProcessStartInfo("node", [Path.Combine(clients!, "openai.mjs"), server.Address.ToString().TrimEnd('/'), Key("anna"), Key("carl"), "first", "second@1"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var node = Process.Start(start)!;
        var (output, error) = (node.StandardOutput.ReadToEndAsync(), node.StandardError.ReadToEndAsync());
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await error);

        var said = JsonDocument.Parse(await output).RootElement;
        Assert.Equal(["tiny", "first", "second"], said.GetProperty("listed").EnumerateArray().Select(m => m.GetString()).Take(3));
        foreach (var (model, canary) in new[] { ("first", 0), ("second@1", 1) })
        {
            var answer = said.GetProperty("answers").GetProperty(model);
            var expected = string.Join(' ', HttpFixture.Says(canary, 4));
            Assert.Equal(expected, answer.GetProperty("whole").GetString());
            Assert.Equal(expected, answer.GetProperty("streamed").GetString());
            Assert.Equal(("length", 4, 404), (answer.GetProperty("finish").GetString(), answer.GetProperty("tokens").GetInt32(), answer.GetProperty("refused").GetInt32()));
        }
        Assert.Equal(400, said.GetProperty("chat").GetProperty("status").GetInt32());
    }

    private static bool HasNode()
    {
        try
        {
            using var node = Process.Start(new ProcessStartInfo("node", ["--version"]) { RedirectStandardOutput = true })!;
            node.WaitForExit();
            return node.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private static string? Folder()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (Directory.Exists(Path.Combine(at.FullName, "tests", "clients"))) return Path.Combine(at.FullName, "tests", "clients");
        return null;
    }
}
