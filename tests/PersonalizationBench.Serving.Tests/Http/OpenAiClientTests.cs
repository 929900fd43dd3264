namespace PersonalizationBench.Serving.Tests;

/// <summary>OpenAI's client for Node.js, as its package comes, against the server.</summary>
public sealed class OpenAiClientTests(HttpFixture server) : IClassFixture<HttpFixture>
{
    [SkippableFact]
    public async Task Lists_completes_and_streams_ones_own_and_a_strangers_key_gets_404()
    {
        string Key(string owner) => server.Registry.CreateKey(owner, KeyKind.Inference, "test").Secret;
        var said = await NodeClients.RunAsync("openai", server.Address.ToString().TrimEnd('/'), Key("anna"), Key("carl"), "first", "second@1");
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
}
