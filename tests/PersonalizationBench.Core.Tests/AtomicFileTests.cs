namespace PersonalizationBench.Core.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "pbench-" + Path.GetRandomFileName());

    private string Target => Path.Combine(_folder, "deep", "file.txt");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_file_is_written_whole_and_its_folder_made()
    {
        AtomicFile.WriteText(Target, "é");
        AtomicFile.WriteText(Target, "two");
        Assert.Equal("two"u8.ToArray(), File.ReadAllBytes(Target));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(Target)!));
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_no_other()
    {
        AtomicFile.WriteText(Target, "old");
        var error = Assert.Throws<PbenchException>(() => AtomicFile.Write(Target, stream =>
        {
            stream.Write("half"u8);
            throw new IOException("No space left on device");
        }));
        Assert.Equal($"{Target}: could not be written: No space left on device", error.Message);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(Target, _ => throw new InvalidOperationException()));
        Assert.Equal("old", File.ReadAllText(Target));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(Target)!));
    }

    [Fact]
    public void Digests_are_sha256_in_lower_case()
    {
        const string Hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        AtomicFile.WriteText(Target, "hello");
        Assert.Equal(Hello, Digest.Of("hello"));
        Assert.Equal(Hello, Digest.OfFile(Target));
    }
}
