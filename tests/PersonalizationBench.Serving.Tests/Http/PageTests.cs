namespace PersonalizationBench.Serving.Tests;

/// <summary>The page at <c>/</c> in Chromium, as a person would use it.</summary>
public sealed class PageTests(HttpFixture server) : IClassFixture<HttpFixture>
{
    private static readonly string? s_chromium = new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    [SkippableFact]
    public async Task Shows_the_owners_policies_and_what_the_engine_does()
    {
        Skip.If(s_chromium is null, "not measured: there is no Chromium");
        var admin = server.Registry.CreateKey("anna", KeyKind.Admin, "test").Secret;

        var said = await NodeClients.RunAsync("puppeteer-core", server.Address.ToString(), admin, s_chromium!);

        Assert.Contains("Authorization: Bearer KEY", said.GetProperty("refused").GetString(), StringComparison.Ordinal);
        Assert.Equal("tiny", said.GetProperty("base").GetString());
        var policies = said.GetProperty("policies").EnumerateArray().Select(r => r.EnumerateArray().Select(c => c.GetString()).ToArray()).ToList();
        Assert.Equal(["first", "second"], policies.Select(p => p[0]));
        Assert.All(policies, p => Assert.Equal("live → 1", p[1]));
        Assert.Matches("^[0-9,]+$", said.GetProperty("rate").GetString());
        Assert.Empty(said.GetProperty("errors").EnumerateArray());
    }
}
