using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace PersonalizationBench.Models;

/// <summary>What decides the keys and values of a page: base, adapter, and every token up to the page's last. SHA-256, chained page by page.</summary>
public readonly record struct PageKey(UInt128 High, UInt128 Low)
{
    /// <summary>Before the first page.</summary>
    /// <param name="adapterDigest">null: none.</param>
    public static PageKey Start(string baseDigest, string? adapterDigest) =>
        Of(SHA256.HashData(Encoding.UTF8.GetBytes($"base {baseDigest}\nadapter {adapterDigest ?? "none"}\n")));

    /// <summary>The page that follows, with these tokens in it.</summary>
    public PageKey Next(ReadOnlySpan<int> tokens)
    {
        Span<byte> bytes = stackalloc byte[32 + tokens.Length * sizeof(int)];
        MemoryMarshal.Write(bytes, in this);
        MemoryMarshal.AsBytes(tokens).CopyTo(bytes[32..]);
        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(bytes, digest);
        return Of(digest);
    }

    private static PageKey Of(ReadOnlySpan<byte> digest) => MemoryMarshal.Read<PageKey>(digest);
}
