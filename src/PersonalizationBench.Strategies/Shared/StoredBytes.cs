using System.Text;
using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>What is kept of users between sessions, in bytes.</summary>
internal static class StoredBytes
{
    /// <summary>UTF-8 bytes of the texts.</summary>
    public static long Of(IEnumerable<Document> documents) => documents.Sum(d => (long)Encoding.UTF8.GetByteCount(d.Text));

    /// <summary>Mean over users, rounded to whole bytes; 0 for nobody.</summary>
    public static long MeanPerUser(IEnumerable<long> bytesOfUsers) => (long)Math.Round(bytesOfUsers.Select(b => (double)b).DefaultIfEmpty().Average());
}
