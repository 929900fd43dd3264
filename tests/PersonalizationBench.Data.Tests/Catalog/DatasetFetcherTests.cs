using System.Net;
using System.Text;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Tests.Catalog;

public sealed class DatasetFetcherTests : IDisposable
{
    private readonly MadeFiles _made = new();
    private readonly List<(string Path, FetchOutcome Outcome)> _told = [];

    public DatasetFetcherTests()
    {
        _made.Describe("letters", "words", ("letters/a.txt", "aaa", "https://example.org/a.txt"));
        _made.Describe("words", "", ("words/w.txt", "hello", "https://example.org/w.txt"));
        _made.Describe("derived", "", ("derived/d.txt", "made", null), ("derived/e.txt", "eee", "https://example.org/e.txt"));
    }

    [Fact]
    public async Task FilesAreDownloadedOnceWithWhatTheyNeed()
    {
        var server = new Server { ["/a.txt"] = "aaa", ["/w.txt"] = "hello" };
        await Fetch("letters", server);
        Assert.Equal([("letters/a.txt", FetchOutcome.Downloaded), ("words/w.txt", FetchOutcome.Downloaded)], _told);
        Assert.Equal("hello", File.ReadAllText(Path.Combine(_made.Files.CacheFolder, "words/w.txt")));
        Assert.Equal(2, _made.Files.Require("letters").Count);

        _told.Clear();
        await Fetch("letters", server);
        Assert.All(_told, t => Assert.Equal(FetchOutcome.AlreadyThere, t.Outcome));
        Assert.Equal(2, server.Requests);
    }

    [Theory]
    [InlineData("aab", "SHA-256")]
    [InlineData("aaaa", "expected 3 bytes, found more")]
    [InlineData("a", "expected 3 bytes, found 1")]
    [InlineData(null, "404")]
    public async Task AWrongAnswerLeavesNothingBehindAndTheOthersAreFetched(string? answer, string what)
    {
        var server = new Server { ["/w.txt"] = "hello" };
        if (answer is not null) server["/a.txt"] = answer;
        var error = await Assert.ThrowsAsync<PbenchException>(() => Fetch("letters", server));
        Assert.Contains("https://example.org/a.txt", error.Message);
        Assert.Contains(what, error.Message);
        Assert.Equal([("words/w.txt", FetchOutcome.Downloaded)], _told);
        Assert.False(Directory.Exists(Path.Combine(_made.Files.CacheFolder, "letters")));
    }

    [Fact]
    public async Task WithoutANetworkTheOtherWayIsNamed()
    {
        var error = await Assert.ThrowsAsync<PbenchException>(() => Fetch("words", new Server { Broken = true }));
        Assert.Contains("no route to host", error.Message);
        Assert.Contains("pbench data fetch words --from FOLDER", error.Message);
    }

    [Fact]
    public async Task ADerivedFileIsNamedButTheOthersAreFetched()
    {
        var error = await Assert.ThrowsAsync<PbenchException>(() => Fetch("derived", new Server { ["/e.txt"] = "eee" }));
        Assert.Contains("derived/d.txt: there is no address", error.Message);
        Assert.Contains("made by hand", error.Message);
        Assert.Equal([("derived/e.txt", FetchOutcome.Downloaded)], _told);
    }

    [Fact]
    public async Task AFolderMayHaveTheTreeOrJustTheFiles()
    {
        _made.Write("from", "letters/a.txt", "aaa");
        _made.Write("from", "w.txt", "hello");
        await Fetch("letters", new Server { Broken = true }, _made.Folder("from"));
        Assert.All(_told, t => Assert.Equal(FetchOutcome.Copied, t.Outcome));
        Assert.Equal(2, _made.Files.Require("letters").Count);
    }

    [Theory]
    [InlineData("nope", "there is no such folder")]
    [InlineData("from", "exists")]
    [InlineData("short", "expected 5 bytes, found 2")]
    [InlineData("wrong", "SHA-256")]
    public async Task AFolderWithoutTheFileOrWithAnotherIsNamed(string folder, string what)
    {
        _made.Write("from", "other.txt", "x");
        _made.Write("short", "w.txt", "he");
        _made.Write("wrong", "w.txt", "hallo");
        var error = await Assert.ThrowsAsync<PbenchException>(() => Fetch("words", new Server(), _made.Folder(folder)));
        Assert.Contains(folder, error.Message);
        Assert.Contains(what, error.Message);
    }

    [Fact]
    public async Task ADamagedFileInTheCacheIsFetchedAgain()
    {
        _made.Write("cache", "words/w.txt", "hallo");
        await Fetch("words", new Server { ["/w.txt"] = "hello" });
        Assert.Equal([("words/w.txt", FetchOutcome.Downloaded)], _told);
        Assert.Single(_made.Files.Require("words"));
    }

    public void Dispose() => _made.Dispose();

    private async Task Fetch(string dataset, Server server, string? from = null)
    {
        using var http = new HttpClient(server);
        await new DatasetFetcher(_made.Files, http).FetchAsync(dataset, from, (file, outcome) => _told.Add((file.Path, outcome)), CancellationToken.None);
    }

    /// <summary>Answers by path; everything else is not found.</summary>
    private sealed class Server : HttpMessageHandler
    {
        private readonly Dictionary<string, string> _texts = [];

        public bool Broken { get; init; }

        public int Requests { get; private set; }

        public string this[string path]
        {
            set => _texts[path] = value;
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            if (Broken) throw new HttpRequestException("no route to host");
            return Task.FromResult(_texts.TryGetValue(request.RequestUri!.AbsolutePath, out var text)
                ? new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text)) }
                : new HttpResponseMessage(HttpStatusCode.NotFound) { ReasonPhrase = "Not Found" });
        }
    }
}
