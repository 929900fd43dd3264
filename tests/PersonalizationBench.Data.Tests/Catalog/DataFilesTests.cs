using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;

namespace PersonalizationBench.Data.Tests.Catalog;

public sealed class DataFilesTests : IDisposable
{
    private readonly MadeFiles _made = new();

    public DataFilesTests()
    {
        _made.Describe("letters", "words", ("letters/a.txt", "aaa", "https://example.org/a.txt"), ("letters/b.txt", "bbbb", null));
        _made.Describe("words", "", ("words/w.txt", "hello", "https://example.org/w.txt"));
    }

    [Fact]
    public void TheFirstFolderWinsAndTheCacheIsLast()
    {
        _made.Write("data", "letters/a.txt", "aaa");
        _made.Write("cache", "letters/a.txt", "not looked at");
        _made.Write("cache", "letters/b.txt", "bbbb");
        var word = _made.Write("cache", "words/w.txt", "hello");
        var found = _made.Files.Require("letters");
        Assert.Equal(["letters/a.txt", "letters/b.txt", "words/w.txt"], found.Keys.Order());
        Assert.Equal(Path.Combine(_made.DataFolder, "letters/a.txt"), found["letters/a.txt"]);
        Assert.Equal(word, found["words/w.txt"]);
    }

    [Fact]
    public void AMissingFileSaysHowToGetIt()
    {
        Assert.Contains("run: pbench data fetch letters", Refused());
        _made.Write("data", "letters/a.txt", "aaa");
        var message = Refused();
        Assert.Contains("letters/b.txt", message);
        Assert.Contains("pbench data fetch letters --from FOLDER", message);
        Assert.Contains("made by hand", message);

        string Refused() => Assert.Throws<PbenchException>(() => _made.Files.Require("letters")).Message;
    }

    [Fact]
    public void AnotherFileThanDescribedIsRefusedWithBothDigests()
    {
        var path = _made.Write("data", "words/w.txt", "hullo");
        var message = Assert.Throws<PbenchException>(() => _made.Files.Require("words")).Message;
        Assert.Contains(path, message);
        Assert.Contains(Digest.Of("hello"), message);
        Assert.Contains(Digest.Of("hullo"), message);
    }

    [Fact]
    public void FoldersComeFromTheEnvironmentOrTheirDefaults()
    {
        var repository = Directory.CreateDirectory(_made.Folder("repository")).FullName;
        var given = DataFiles.Find(repository, name => name switch { "PBENCH_DATA" => "/d", "PBENCH_CACHE" => "/c", _ => null });
        Assert.Equal(["/d", "/c/data"], given.Folders);
        Assert.Equal("/c/data", given.CacheFolder);
        Assert.Equal(Path.Combine(repository, "datasets"), given.DatasetsFolder);

        Assert.Equal([Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "pbench", "data")], DataFiles.Find(repository, _ => null).Folders);
        Directory.CreateDirectory(_made.Folder("shared"));
        Assert.Equal(_made.Folder("shared"), DataFiles.Find(repository, _ => null).Folders[0]);
    }

    [Theory]
    [InlineData("sha256: 00", "64 lower-case hex digits")]
    [InlineData("path: ../x", "inside the data folder")]
    [InlineData("address: ftp://example.org/x", "https")]
    [InlineData("bytes: 0", "bytes")]
    [InlineData("adress: https://example.org/x", "did you mean 'address'?")]
    public void AWrongDescriptionIsRefused(string line, string what)
    {
        var key = line[..line.IndexOf(':')];
        var lines = new[] { "path: x.txt", "address: https://example.org/x", "bytes: 3", $"sha256: {Digest.Of("x")}" }.Where(l => !l.StartsWith(key + ":")).Append(line);
        _made.Write("datasets", "bad/dataset.yaml", "name: bad\nloader: none\nlicence: MIT\nfiles:\n  - " + string.Join("\n    ", lines) + "\n");
        var message = Assert.Throws<PbenchException>(() => DatasetManifest.Load(_made.Files.DatasetsFolder, "bad")).Message;
        Assert.Contains("bad/dataset.yaml", message);
        Assert.Contains(what, message);
    }

    [Fact]
    public void AnUnknownDatasetNamesTheNearest() =>
        Assert.Contains("did you mean 'letters'?", Assert.Throws<PbenchException>(() => _made.Files.Require("leters")).Message);

    [Fact]
    public void ADescriptionIsOfItsFolder()
    {
        _made.Write("datasets", "other/dataset.yaml", File.ReadAllText(Path.Combine(_made.Files.DatasetsFolder, "words/dataset.yaml")));
        Assert.Contains("expected 'other'", Assert.Throws<PbenchException>(() => _made.Files.Require("other")).Message);
    }

    [SkippableTheory]
    [InlineData("panza", "panza")]
    [InlineData("pepys", "pepys")]
    [InlineData("tinystories", "none")]
    [InlineData("llama2c", "none")]
    public void TheRepositorysDescriptionsAreThoseOfTheRealFiles(string dataset, string loader)
    {
        var files = MadeFiles.RequireReal(dataset);
        Assert.Equal(loader, DatasetManifest.Load(files.DatasetsFolder, dataset).Loader);
        Assert.True(File.Exists(Path.Combine(files.DatasetsFolder, dataset, "README.md")));
        var found = files.Require(dataset);
        Assert.All(files.AllFiles(dataset), f => Assert.Equal(f.Bytes, new FileInfo(found[f.Path]).Length));
    }

    public void Dispose() => _made.Dispose();
}
