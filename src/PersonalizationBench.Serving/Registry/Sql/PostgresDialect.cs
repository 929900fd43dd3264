using System.Data.Common;
using System.Globalization;
using Npgsql;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>PostgreSQL 12 or later, in a schema of its own: <c>pbench</c> unless the connection string names a Search Path.</summary>
internal sealed class PostgresDialect : Dialect
{
    private const string DefaultSchema = "pbench";
    private readonly string _connection;
    private readonly string _schema;

    public PostgresDialect(string connection)
    {
        var builder = connection.Contains("://", StringComparison.Ordinal) ? FromUri(connection) : FromKeywords(connection);
        if (string.IsNullOrEmpty(builder.SearchPath)) builder.SearchPath = DefaultSchema;
        // Sessions are kept by SqlSessions, with their statements; a second pool below would only hide dead ones.
        builder.Pooling = false;
        builder.MaxAutoPrepare = 100;
        builder.AutoPrepareMinUsages = 2;
        (_connection, _schema) = (builder.ConnectionString, builder.SearchPath);
        Name = string.Create(CultureInfo.InvariantCulture, $"postgres://{builder.Host}:{builder.Port}/{builder.Database} (schema {_schema})");
    }

    public override string Name { get; }

    public override bool HasOneWriter => false;

    public override int MostConnections => 16;

    public override string LockPolicy => " FOR UPDATE OF p";

    public override string? LockSchema => "SELECT pg_advisory_xact_lock(7204, hashtext(current_schema()))";

    public override string? HoldBlobs => "SELECT pg_advisory_xact_lock_shared(7205, hashtext(current_schema()))";

    public override string? LockBlobs => "SELECT pg_advisory_xact_lock(7205, hashtext(current_schema()))";

    public override string CountTables => "SELECT COUNT(*), COUNT(*) FILTER (WHERE tablename = 'registry_schema') FROM pg_tables WHERE schemaname = current_schema()";

    public override IReadOnlyDictionary<string, string> Words { get; } = new Dictionary<string, string>
    {
        ["{identity}"] = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        // Pages of names are in the same order everywhere.
        ["{text}"] = "TEXT COLLATE \"C\"",
        ["{bytes}"] = "BYTEA",
        ["{clustered}"] = "",
    };

    public override IReadOnlyList<string> Guards { get; } =
    [
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('audit is append-only')",
        "CREATE TRIGGER revisions_immutable BEFORE UPDATE ON revisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('revisions are immutable')",
    ];

    public override DbConnection Connect()
    {
        var connection = new NpgsqlConnection(_connection);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public override void Opening(DbConnection connection)
    {
        using (var command = connection.CreateCommand())
        {
            // CREATE SCHEMA asks for the right to create one even where it is there.
            command.CommandText = "SELECT current_schema() IS NOT NULL";
            if (command.ExecuteScalar() is true) return;
        }
        // The lock: IF NOT EXISTS alone fails where two do it at once.
        using var transaction = connection.BeginTransaction();
        Execute(connection, $"SELECT pg_advisory_xact_lock(7203); CREATE SCHEMA IF NOT EXISTS \"{_schema.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
        transaction.Commit();
    }

    public override void Opened(DbConnection connection)
    {
    }

    private static NpgsqlConnectionStringBuilder FromKeywords(string connection)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connection);
        }
        catch (ArgumentException e)
        {
            throw new PbenchException($"registry connection: {e.Message}", e);
        }
    }

    /// <summary><c>postgres://user:password@host:port/database?key=value</c>, as other PostgreSQL clients read it; keys are Npgsql's.</summary>
    private static NpgsqlConnectionStringBuilder FromUri(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri)) throw new PbenchException("registry connection: expected postgres://user:password@host:port/database");
        var builder = new NpgsqlConnectionStringBuilder();
        if (uri.Host.Length > 0) builder.Host = uri.Host;
        if (uri.Port > 0) builder.Port = uri.Port;
        if (uri.AbsolutePath.Length > 1) builder.Database = Uri.UnescapeDataString(uri.AbsolutePath[1..]);
        if (uri.UserInfo.Length > 0)
        {
            var parts = uri.UserInfo.Split(':', 2);
            builder.Username = Uri.UnescapeDataString(parts[0]);
            if (parts.Length > 1) builder.Password = Uri.UnescapeDataString(parts[1]);
        }
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            try
            {
                // libpq's sslmode=verify-full is SSL Mode=VerifyFull here.
                var (key, value) = (Uri.UnescapeDataString(parts[0]), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "");
                builder[key == "sslmode" ? "SSL Mode" : key] = key == "sslmode" ? value.Replace("-", "", StringComparison.Ordinal) : value;
            }
            catch (ArgumentException e)
            {
                throw new PbenchException($"registry connection: '{parts[0]}': {e.Message}", e);
            }
        }
        return string.IsNullOrEmpty(builder.Host) ? throw new PbenchException("registry connection: expected a host, as in postgres://host/database or postgres:///database?host=/var/run/postgresql") : builder;
    }
}
