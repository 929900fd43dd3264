using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using PersonalizationBench.Tokenizers.ChatTemplates;

namespace PersonalizationBench.Serving.Tests;

/// <summary>Requests that are wrong: a 4xx that says what was expected, and a server that goes on.</summary>
public sealed class BadInputTests(HttpFixture server) : IClassFixture<HttpFixture>
{
    [Theory]
    [InlineData("", "not JSON")]
    [InlineData("{", "not JSON")]
    [InlineData("[]", "expected a JSON object, found []")]
    [InlineData("{\"model\":\"first\"}", "prompt: missing")]
    [InlineData("{\"prompt\":\"5\"}", "model: missing")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"max_tokns\":3}", "'max_tokns': unknown field; did you mean 'max_tokens'?")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"max_tokens\":0}", "max_tokens: expected a whole number from 1")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"max_tokens\":\"3\"}", "max_tokens: expected a whole number from 1")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"temperature\":3}", "temperature: expected a number from 0 to 2, found 3")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"n\":2}", "n: 2 is not supported")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"stream\":\"yes\"}", "stream: expected true or false")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "stop: expected at most 4")]
    [InlineData("{\"model\":\"first\",\"prompt\":{}}", "prompt: expected a string")]
    [InlineData("{\"model\":\"first\",\"prompt\":[[99999]]}", "outside the base's vocabulary")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"5\",\"prompt\":\"6\"}", "prompt: given twice")]
    [InlineData("{\"model\":7,\"prompt\":\"5\"}", "model: expected a string")]
    [InlineData("{\"model\":\"first\",\"prompt\":\"x \\ud83d\"}", "byte 26: the string is no text")] // half of a surrogate pair
    [InlineData("{\"model\":\"first\",\"prompt\":[\"\\ude00\"]}", "the string is no text")]
    [InlineData("{\"model\":\"\\ud83d\",\"prompt\":\"5\"}", "the string is no text")]
    [InlineData("{\"\\ud83d\":1}", "byte 1: the string is no text")]
    public async Task A_wrong_body_is_400_and_says_why(string body, string expected)
    {
        using var client = server.Client("anna");
        var (status, _, message) = await HttpFixture.Error(await client.PostAsync("/v1/completions", new StringContent(body, Encoding.UTF8, "application/json")));
        Assert.Equal(400, status);
        Assert.Contains(expected, message, StringComparison.Ordinal);
        await Unharmed();
    }

    [Fact]
    public async Task Ten_megabytes_of_prompt_are_413_deep_nesting_is_400_and_another_content_type_415()
    {
        using var client = server.Client("anna");
        var large = JsonSerializer.Serialize(new { model = "first", prompt = new string('5', 10 << 20) });
        Assert.Equal(413, (await HttpFixture.Error(await client.PostAsync("/v1/completions", new StringContent(large, Encoding.UTF8, "application/json")))).Status);
        var deep = new string('[', 5000) + new string(']', 5000);
        Assert.Equal(400, (await HttpFixture.Error(await client.PostAsync("/v1/completions", new StringContent(deep, Encoding.UTF8, "application/json")))).Status);
        Assert.Equal(415, (await HttpFixture.Error(await client.PostAsync("/v1/completions", new StringContent("model=first", Encoding.UTF8, "application/x-www-form-urlencoded")))).Status);
        await Unharmed();
    }

    [Fact]
    public async Task A_prompt_beyond_the_context_is_400_and_so_is_chat_without_a_template()
    {
        using var client = server.Client("anna");
        var prompt = string.Join(' ', Enumerable.Repeat("5", 200));
        var (status, _, message) = await HttpFixture.Error(await client.PostAsJsonAsync("/v1/completions", new { model = "first", prompt }));
        Assert.Equal((400, true), (status, message.Contains("context of 160", StringComparison.Ordinal)));
        var chat = await HttpFixture.Error(await client.PostAsJsonAsync("/v1/chat/completions", new { model = "first", messages = new[] { new { role = "user", content = "5" } } }));
        Assert.Equal((400, true), (chat.Status, chat.Message.Contains("no chat template", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_is_not_there_is_404_and_the_wrong_method_405()
    {
        using var client = server.Client("anna");
        Assert.Equal(404, (await HttpFixture.Error(await client.GetAsync("/v1/nothing"))).Status);
        Assert.Equal(404, (await HttpFixture.Error(await client.GetAsync("/nothing"))).Status);
        Assert.Equal(405, (await HttpFixture.Error(await client.GetAsync("/v1/completions"))).Status);
    }

    [Fact]
    public async Task Half_open_connections_and_slow_clients_keep_nobody_from_their_answers()
    {
        var key = server.Registry.CreateKey("anna", KeyKind.Inference, "test").Secret;
        var connections = new List<TcpClient>();
        for (var i = 0; i < 50; i++)
        {
            var connection = new TcpClient();
            await connection.ConnectAsync(server.Address.Host, server.Address.Port);
            var text = i % 3 == 0 ? "POST /v1/comple" : $"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"model\":";
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));
            if (i % 3 == 2) connection.Close();
            connections.Add(connection);
        }
        await Unharmed();
        foreach (var connection in connections) connection.Dispose();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("\0\0\0\0\r\n\r\n")]
    [InlineData("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET /v1/policies/%2e%2e%2f%2e%2e HTTP/1.1\r\nHost: x\r\n\r\n")]
    public async Task Broken_HTTP_is_4xx(string request)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(server.Address.Host, server.Address.Port);
        var stream = connection.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        var answer = new byte[12];
        var read = await stream.ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false);
        Assert.True(read == 0 || Encoding.ASCII.GetString(answer).StartsWith("HTTP/1.1 4", StringComparison.Ordinal), Encoding.ASCII.GetString(answer));
        await Unharmed();
    }

    [Fact]
    public async Task Streams_and_whole_answers_say_the_same_and_stop_texts_end_both()
    {
        using var client = server.Client("anna");
        foreach (var stop in new[] { null, "20 20", "0 2" })
        {
            object Body(bool stream) => new { model = "first", prompt = "5 6", max_tokens = 6, temperature = 0, stream, stop, logprobs = 0 };
            var whole = (await (await client.PostAsJsonAsync("/v1/completions", Body(false))).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices")[0];
            var text = new StringBuilder();
            var reason = "";
            foreach (var line in (await (await client.PostAsJsonAsync("/v1/completions", Body(true))).Content.ReadAsStringAsync()).Split("\n\n")[..^2])
            {
                var choice = JsonDocument.Parse(line["data: ".Length..]).RootElement.GetProperty("choices")[0];
                text.Append(choice.GetProperty("text").GetString());
                reason = choice.GetProperty("finish_reason").GetString() ?? reason;
            }
            Assert.Equal(whole.GetProperty("text").GetString(), text.ToString());
            Assert.Equal(whole.GetProperty("finish_reason").GetString(), reason);
            Assert.Equal(stop is null ? "20 20 20 20 20 20" : stop == "20 20" ? "" : "2", text.ToString());
            Assert.Equal(stop is null ? "length" : "stop", reason);
        }
    }

    [Fact]
    public async Task Rates_are_limited_by_key()
    {
        var limited = server.Registry.CreateKey("anna", KeyKind.Inference, "test").Secret;
        var parts = new ServerParts(server.Tiny.Base.Info, TinyServing.Config, server.Tiny.Base.Tokenizer, new HashSet<int>(), new Lazy<ChatTemplate?>(() => null), server.Engine, server.Cache, server.Registry, TimeProvider.System);
        await using var http = Server.Build(parts, server.Options with { RequestsPerSecond = 5 });
        await http.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(http.Urls.Single()) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", limited);
        var statuses = new List<int>();
        for (var i = 0; i < 40; i++) statuses.Add((int)(await client.GetAsync("/v1/models")).StatusCode);
        Assert.Contains(429, statuses);
        Assert.Contains(200, statuses);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", server.Registry.CreateKey("bert", KeyKind.Inference, "test").Secret);
        Assert.Equal(200, (int)(await client.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task Health_metrics_page_and_interface_are_there_for_all()
    {
        using var client = server.WithSecret(null);
        Assert.Equal("ok", (await client.GetFromJsonAsync<JsonElement>("/health")).GetProperty("status").GetString());
        var metrics = await client.GetStringAsync("/metrics");
        Assert.Contains("# TYPE pbench_first_token_seconds histogram", metrics, StringComparison.Ordinal);
        Assert.Matches("pbench_step_seconds_bucket\\{le=\"\\+Inf\"\\} \\d+", metrics);
        Assert.Contains("<title>Personal models</title>", await client.GetStringAsync("/"), StringComparison.Ordinal);
        var paths = (await client.GetFromJsonAsync<JsonElement>("/openapi.json")).GetProperty("paths").EnumerateObject().Select(p => p.Name).ToList();
        Assert.Contains("/v1/policies/{policy}/pointers/{pointer}/rollback", paths);
    }

    private async Task Unharmed()
    {
        using var client = server.Client("anna");
        Assert.Equal(HttpFixture.Says(0), await HttpFixture.Ask(client, "first"));
    }
}
