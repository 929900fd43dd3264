using System.Data.Common;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>Opens a registry, creating it where there is none.</summary>
public static class RegistryDatabase
{
    /// <param name="connection">A file: SQLite. <c>postgres://user:password@host:port/database</c>, or Npgsql's <c>Host=...;Database=...</c>: PostgreSQL.</param>
    /// <param name="blobs">Where the revisions' bytes are; the registry uses it, the caller keeps it.</param>
    /// <exception cref="PbenchException">It cannot be reached, is not a registry, or is one of another version.</exception>
    public static IRegistry Open(string connection, IBlobStore blobs, TimeProvider clock) => OpenSql(connection, blobs, clock);

    internal static SqlRegistry OpenSql(string connection, IBlobStore blobs, TimeProvider clock)
    {
        Dialect? dialect = null;
        try
        {
            dialect = DialectOf(connection);
            using (var first = dialect.Connect()) RegistrySchema.Ensure(dialect, first);
            return new SqlRegistry(dialect, blobs, clock);
        }
        catch (Exception e) when (e is DbException or IOException or UnauthorizedAccessException or TimeoutException or System.Net.Sockets.SocketException)
        {
            throw new PbenchException($"{dialect?.Name ?? connection}: the registry could not be opened: {e.Message}", e);
        }
    }

    internal static Dialect DialectOf(string connection)
    {
        if (connection.StartsWith("postgres://", StringComparison.Ordinal) || connection.StartsWith("postgresql://", StringComparison.Ordinal)) return new PostgresDialect(connection);
        var keys = connection.Split(';').Select(part => part.Split('=')[0].Trim());
        if (connection.Contains('=', StringComparison.Ordinal) && keys.Contains("Host", StringComparer.OrdinalIgnoreCase)) return new PostgresDialect(connection);
        if (connection.Length == 0 || connection.Contains("://", StringComparison.Ordinal) || connection.StartsWith("Data Source=", StringComparison.OrdinalIgnoreCase))
            throw new PbenchException($"registry connection: expected a file's path, postgres://... or Host=..., found {(connection.Length == 0 ? "nothing" : $"'{connection.Split("://")[0]}...'")}");
        return new SqliteDialect(connection);
    }
}
