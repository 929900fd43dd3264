using System.Diagnostics;
using System.Text.Json;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>An S3 store of this machine (npm's s3rver), where it is installed.</summary>
public sealed class S3Server : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pbench-s3-").FullName;
    private Process? _process;

    public string Folder => _folder;

    /// <summary>Address of its bucket; starts it at the first call, skips the test where it cannot be.</summary>
    public string Address(string prefix)
    {
        if (_process is null)
        {
            Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "S3RVER");
            Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "S3RVER");
            Environment.SetEnvironmentVariable("AWS_REGION", "us-east-1");
            _process = NodeClients.Start("s3rver", _folder);
            Port = JsonDocument.Parse(_process.StandardOutput.ReadLine() ?? throw new InvalidOperationException(_process.StandardError.ReadToEnd())).RootElement.GetProperty("port").GetInt32();
        }
        return FormattableString.Invariant($"s3://blobs/{prefix}?endpoint=http://127.0.0.1:{Port}");
    }

    private int Port { get; set; }

    public void Dispose()
    {
        _process?.Kill();
        _process?.WaitForExit();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>What <see cref="FolderBlobsTests"/> asks of a folder, of a bucket.</summary>
public sealed class S3BlobsTests(S3Server server) : IClassFixture<S3Server>
{
    private static IBlobStore Open(string address) => BlobStores.Open(address, TimeProvider.System);

    [SkippableFact]
    public void What_is_put_is_read_by_its_digest_listed_and_deleted_once()
    {
        var blobs = Open(server.Address("one/two"));
        byte[] content = [1, 2, 3];
        var digest = blobs.Put(content);
        blobs.Put(content);
        Assert.Equal(Digest.Of(content), digest);
        Assert.Equal(content, Open(server.Address("one/two")).Read(digest));
        Assert.Equal((digest, 3L), (blobs.Find(digest)!.Value.Digest, blobs.Find(digest)!.Value.Bytes));
        Assert.InRange(blobs.Find(digest)!.Value.Put, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Equal([digest], blobs.List().Select(b => b.Digest));
        Assert.Empty(Open(server.Address("one/other")).List());
        Assert.True(blobs.Delete(digest));
        Assert.False(blobs.Delete(digest));
        Assert.Null(blobs.Find(digest));
        Assert.Equal($"blob {digest}: there is none in s3://blobs/one/two", Assert.Throws<PbenchException>(() => blobs.Read(digest)).Message);
    }

    [SkippableFact]
    public void The_bytes_that_are_returned_are_hashed()
    {
        var blobs = Open(server.Address("changed"));
        var digest = blobs.Put(new byte[] { 1, 2, 3 });
        foreach (var file in Directory.EnumerateFiles(server.Folder, "*", SearchOption.AllDirectories).Where(f => f.Contains("changed", StringComparison.Ordinal) && f.EndsWith("_object", StringComparison.Ordinal)))
            File.WriteAllBytes(file, [1, 2, 4]);
        // By Amazon's own checksum or by the digest, whichever comes first.
        Assert.Contains($"{digest[2..]}", Assert.Throws<PbenchException>(() => blobs.Read(digest)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_registry_works_over_it()
    {
        using var registry = RegistryDatabase.Open(Path.Combine(server.Folder, "registry.db"), Open(server.Address("registry")), TimeProvider.System);
        registry.CreatePolicy(new NewPolicy("diary", "anna", new string('a', 64), 8, ["q_proj"]), "test");
        var revision = registry.AddRevision("anna", "diary", new NewRevision(registry.Blobs.Put(new byte[] { 7 }), "test"), "test");
        Assert.Equal([7], registry.Blobs.Read(registry.Resolve("anna", "diary@1").Digest));
        Assert.Equal(1, revision.Number);
        registry.DeletePolicy("anna", "diary", "test");
        Assert.Equal(new Collected(1, 1), registry.CollectBlobs(TimeSpan.FromSeconds(-5)));
    }

    [SkippableFact]
    public void What_is_no_digest_is_no_key()
    {
        var blobs = Open(server.Address("x"));
        foreach (var digest in new[] { "../../secret", "", "aa/../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" })
            Assert.Contains("expected a SHA-256", Assert.Throws<RegistryException>(() => blobs.Read(digest)).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_bucket_or_a_store_that_is_not_there_is_said()
    {
        var address = server.Address("x");
        Assert.Contains("s3://nothing", Assert.Throws<PbenchException>(() => Open(address.Replace("blobs", "nothing", StringComparison.Ordinal)).Put(new byte[] { 1 })).Message, StringComparison.Ordinal);
        Assert.Contains("'endpont' is not known", Assert.Throws<PbenchException>(() => Open("s3://blobs/x?endpont=http://127.0.0.1:1")).Message, StringComparison.Ordinal);
    }
}
