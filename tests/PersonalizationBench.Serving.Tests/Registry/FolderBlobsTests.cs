using System.Security.Cryptography;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>Tests 6, 11 and 12 of a trusted server, as far as blobs go.</summary>
public sealed class FolderBlobsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pbench-blobs-").FullName;
    private readonly ManualClock _clock = new();

    private FolderBlobs Open() => new(_folder, _clock);

    private string PathOf(string digest) => Path.Combine(_folder, digest[..2], digest[2..] + ".safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_put_is_read_by_its_digest()
    {
        var blobs = Open();
        byte[] content = [1, 2, 3];
        var digest = blobs.Put(content);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), digest);
        Assert.Equal(content, Open().Read(digest));
        Assert.Equal(new StoredBlob(digest, 3, _clock.Now), blobs.Find(digest)!.Value with { Put = _clock.Now });
        Assert.True(File.Exists(PathOf(digest)));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_folder, "incoming")));
        Assert.Equal([digest], blobs.List().Select(b => b.Digest));
    }

    [Fact]
    public void Putting_twice_keeps_one_and_makes_it_young_again()
    {
        var blobs = Open();
        var digest = blobs.Put(new byte[] { 1 });
        _clock.Now += TimeSpan.FromDays(3);
        blobs.Put(new byte[] { 1 });
        Assert.Equal(_clock.Now, Assert.Single(blobs.List()).Put);
        Assert.True(blobs.Delete(digest));
        Assert.False(blobs.Delete(digest));
        Assert.Null(blobs.Find(digest));
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 4 })]
    [InlineData(new byte[] { 1, 2 })]
    [InlineData(new byte[] { })]
    public void The_bytes_that_are_returned_are_hashed_not_the_file(byte[] changed)
    {
        var blobs = Open();
        var digest = blobs.Put(new byte[] { 1, 2, 3 });
        File.WriteAllBytes(PathOf(digest), changed);
        var error = Assert.Throws<PbenchException>(() => blobs.Read(digest));
        Assert.Equal($"{PathOf(digest)}: the bytes have digest {Digest.Of(changed)}; the file was changed after it was written", error.Message);
        // Put again, it is whole again.
        blobs.Put(new byte[] { 1, 2, 3 });
        Assert.Equal([1, 2, 3], blobs.Read(digest));
    }

    [Fact]
    public void A_blob_that_is_not_there_is_said_to_be_missing()
    {
        var digest = new string('0', 64);
        Assert.Equal($"blob {digest}: there is none in {_folder}", Assert.Throws<PbenchException>(() => Open().Read(digest)).Message);
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("aa/../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void What_is_no_digest_is_no_path(string digest)
    {
        var blobs = Open();
        foreach (var use in new Action[] { () => blobs.Read(digest), () => blobs.Find(digest), () => blobs.Delete(digest) })
            Assert.Contains("expected a SHA-256", Assert.Throws<RegistryException>(use).Message);
    }

    [Fact]
    public void What_a_dead_writer_left_is_swept_at_the_start_and_what_a_live_one_writes_is_not()
    {
        Open();
        var (dead, alive) = (Path.Combine(_folder, "incoming", "dead"), Path.Combine(_folder, "incoming", "alive"));
        File.WriteAllBytes(dead, [1, 2, 3]);
        using (new FileStream(alive, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            Open();
            Assert.False(File.Exists(dead));
            Assert.True(File.Exists(alive));
        }
    }

    [Fact]
    public void What_is_swept_up_before_it_has_its_name_is_written_again()
    {
        var blobs = Open();
        var written = 0;
        blobs.Stepped = step =>
        {
            if (step != BlobStep.TemporaryFlushed || written++ > 0) return;
            foreach (var file in Directory.EnumerateFiles(Path.Combine(_folder, "incoming"))) File.Delete(file);
        };
        Assert.Equal([1], blobs.Read(blobs.Put(new byte[] { 1 })));
        Assert.Equal(2, written);
    }

    [Fact]
    public void A_failure_at_any_step_leaves_the_whole_blob_or_none_and_no_litter()
    {
        byte[] content = [5, 6, 7];
        foreach (var failing in Enum.GetValues<BlobStep>())
        {
            var blobs = Open();
            foreach (var old in blobs.List().ToList()) blobs.Delete(old.Digest);
            blobs.Stepped = step =>
            {
                if (step == failing) throw new IOException("No space left on device");
            };
            Assert.Contains("No space left on device", Assert.Throws<PbenchException>(() => blobs.Put(content)).Message);
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(_folder, "incoming")));
            Assert.Equal(failing >= BlobStep.Renamed, blobs.Find(Digest.Of(content)) is not null);
            foreach (var blob in Open().List()) Assert.Equal(content, blobs.Read(blob.Digest));
        }
    }

    [Fact]
    public void Many_threads_may_put_and_read_the_same()
    {
        var blobs = Open();
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            byte[] content = [(byte)(i % 5), 9];
            Assert.Equal(content, blobs.Read(blobs.Put(content)));
        });
        Assert.Equal(5, blobs.List().Count());
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_folder, "incoming")));
    }
}
