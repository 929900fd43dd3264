using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>
/// Blobs as objects <c>prefix/ab/cdef….safetensors</c> of one S3 bucket, which any number of servers may share. An object is there whole
/// or not at all, and once it is confirmed it is durable: that is the store's own promise.
/// </summary>
public sealed class S3Blobs : IBlobStore, IDisposable
{
    /// <summary>Of an address such as <c>s3://bucket/prefix</c>.</summary>
    public const string Scheme = "s3";

    private const string Extension = ".safetensors", EndpointKey = "endpoint";
    private readonly AmazonS3Client _client;
    private readonly string _bucket, _prefix;

    private S3Blobs(AmazonS3Client client, string bucket, string prefix) => (_client, _bucket, _prefix) = (client, bucket, prefix);

    /// <param name="address"><c>s3://bucket/prefix</c>, with <c>?endpoint=http://…</c> for a store that is not Amazon's. Credentials and region are
    /// found as Amazon's own tools find them: environment, profile, role.</param>
    public static S3Blobs Open(Uri address)
    {
        if (address.Scheme != Scheme || address.Host == "") throw new PbenchException($"{address}: expected {Scheme}://bucket/prefix");
        var config = new AmazonS3Config
        {
            // Stores other than Amazon's do not know the checksums that are new with version 4; ours is the digest.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        var query = System.Web.HttpUtility.ParseQueryString(address.Query);
        foreach (var key in query.AllKeys)
            if (key != EndpointKey) throw new PbenchException($"{address}: '{key}' is not known; expected {EndpointKey}");
        if (query[EndpointKey] is { } endpoint) (config.ServiceURL, config.ForcePathStyle) = (endpoint, true);
        var prefix = address.AbsolutePath.Trim('/');
        try
        {
            return new S3Blobs(new AmazonS3Client(config), address.Host, prefix == "" ? "" : prefix + "/");
        }
        catch (AmazonClientException e)
        {
            throw new PbenchException($"{address}: {e.Message}", e);
        }
    }

    public string Put(ReadOnlyMemory<byte> content)
    {
        var digest = Digest.Of(content.Span);
        using var stream = new MemoryStream(content.ToArray(), writable: false);
        // Again where it is there already: that makes it young. In one piece: not every store undoes Amazon's chunks.
        Ask(digest, () => _client.PutObjectAsync(new PutObjectRequest { BucketName = _bucket, Key = KeyOf(digest), InputStream = stream, AutoCloseStream = false, UseChunkEncoding = false }));
        return digest;
    }

    public byte[] Read(string digest)
    {
        var bytes = Ask(digest, async () =>
        {
            using var found = await _client.GetObjectAsync(_bucket, KeyOf(digest));
            using var memory = new MemoryStream();
            await found.ResponseStream.CopyToAsync(memory);
            return memory.ToArray();
        }) ?? throw new PbenchException($"blob {digest}: there is none in {this}");
        var read = Digest.Of(bytes);
        return read == digest ? bytes : throw new PbenchException($"{Scheme}://{_bucket}/{KeyOf(digest)}: the bytes have digest {read}; the object was changed after it was written");
    }

    public StoredBlob? Find(string digest) =>
        Ask(digest, () => _client.GetObjectMetadataAsync(_bucket, KeyOf(digest))) is { } found ? new StoredBlob(digest, found.ContentLength, Time(found.LastModified)) : null;

    public IEnumerable<StoredBlob> List()
    {
        for (string? next = null; ;)
        {
            var after = next;
            var page = Ask("", () => _client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = _bucket, Prefix = _prefix, ContinuationToken = after }))
                ?? throw new PbenchException($"{this}: there is no such bucket");
            foreach (var found in page.S3Objects ?? [])
            {
                var name = found.Key[_prefix.Length..];
                if (!name.EndsWith(Extension, StringComparison.Ordinal)) continue;
                var digest = name[..^Extension.Length].Replace("/", "", StringComparison.Ordinal);
                if (RegistryInput.IsDigest(digest)) yield return new StoredBlob(digest, found.Size ?? 0, Time(found.LastModified));
            }
            if (page.IsTruncated != true) yield break;
            next = page.NextContinuationToken;
        }
    }

    public bool Delete(string digest)
    {
        if (Find(digest) is null) return false;
        Ask(digest, () => _client.DeleteObjectAsync(_bucket, KeyOf(digest)));
        return true;
    }

    public void Dispose() => _client.Dispose();

    public override string ToString() => $"{Scheme}://{_bucket}/{_prefix}".TrimEnd('/');

    private string KeyOf(string digest)
    {
        RegistryInput.Digest(digest, "blob");
        return $"{_prefix}{digest[..2]}/{digest[2..]}{Extension}";
    }

    private static DateTimeOffset Time(DateTime? at) => new(DateTime.SpecifyKind(at ?? DateTime.UnixEpoch, DateTimeKind.Utc));

    /// <summary>Null where there is no such object. Callers have threads of their own to wait on.</summary>
    private T? Ask<T>(string digest, Func<Task<T>> request) where T : class
    {
        try
        {
            return Task.Run(request).GetAwaiter().GetResult();
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound && e.ErrorCode != "NoSuchBucket")
        {
            return null;
        }
        catch (Exception e) when (e is AmazonClientException or AmazonServiceException or HttpRequestException or IOException)
        {
            throw new PbenchException($"{this}{(digest == "" ? "" : $", blob {digest}")}: {e.Message}", e);
        }
    }
}
