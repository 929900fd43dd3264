namespace PersonalizationBench.Serving;

/// <summary>Where blobs are, by how it is written.</summary>
public static class BlobStores
{
    /// <param name="where">A folder, or <c>s3://bucket/prefix</c> (<see cref="S3Blobs.Open"/>).</param>
    public static IBlobStore Open(string where, TimeProvider clock) =>
        where.StartsWith(S3Blobs.Scheme + "://", StringComparison.Ordinal) ? S3Blobs.Open(new Uri(where)) : new FolderBlobs(where, clock);
}
