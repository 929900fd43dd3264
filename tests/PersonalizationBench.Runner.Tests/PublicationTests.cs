using PersonalizationBench.Core;
using PersonalizationBench.Runner.Results;

namespace PersonalizationBench.Runner.Tests;

public sealed class PublicationTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "pbench-" + Path.GetRandomFileName());

    private string Measured => Path.Combine(_folder, "runs", "letters");

    private string Published => Path.Combine(_folder, "results", "letters");

    [Fact]
    public void Results_that_no_commit_would_make_again_are_not_published()
    {
        Assert.Contains("no git repository", Assert.Throws<PbenchException>(() => Publication.RequireCommit(null)).Message, StringComparison.Ordinal);
        Assert.Contains("differs from 0123456789ab", Assert.Throws<PbenchException>(() => Publication.RequireCommit("0123456789abcdef0123456789abcdef01234567-dirty")).Message, StringComparison.Ordinal);
        Publication.RequireCommit("0123456789abcdef0123456789abcdef01234567");
    }

    [Fact]
    public void Publishing_replaces_what_was_published_and_leaves_the_rest_alone()
    {
        foreach (var name in new[] { "runs.csv", "probes.csv", "manifest.json", "report.html", "summary.md", "figures/new.svg" }) Write(Measured, name, "new " + name);
        Write(Measured, "cells/secret.json", "journal");
        Write(Published, "runs.csv", "old");
        Write(Published, "figures/old.svg", "old");
        Write(Published, "README.md", "a page");

        Publication.Publish(Measured, Published);

        Assert.Equal(
            ["README.md", "figures/new.svg", "manifest.json", "probes.csv", "report.html", "runs.csv", "summary.md"],
            Directory.GetFiles(Published, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Published, f)).Order(StringComparer.Ordinal));
        Assert.Equal("new runs.csv", File.ReadAllText(Path.Combine(Published, "runs.csv")));
        Assert.Equal("a page", File.ReadAllText(Path.Combine(Published, "README.md")));
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private static void Write(string folder, string name, string text)
    {
        var path = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
