using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace PersonalizationBench.Serving;

/// <summary>SQLite 3 in one file, with a write-ahead log: readers never wait.</summary>
internal sealed class SqliteDialect : Dialect
{
    private readonly string _connection;

    public SqliteDialect(string path)
    {
        Name = path;
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        _connection = new SqliteConnectionStringBuilder { DataSource = full, Pooling = false, ForeignKeys = true }.ConnectionString;
    }

    public override string Name { get; }

    public override bool HasOneWriter => true;

    public override int MostConnections => 64;

    // A transaction that writes has the whole database from its beginning on (BEGIN IMMEDIATE).
    public override string LockPolicy => "";

    public override string? LockSchema => null;

    public override string? HoldBlobs => null;

    public override string? LockBlobs => null;

    public override string CountTables => "SELECT COUNT(*), COALESCE(SUM(name = 'registry_schema'), 0) FROM sqlite_master WHERE type = 'table'";

    public override IReadOnlyDictionary<string, string> Words { get; } = new Dictionary<string, string>
    {
        ["{identity}"] = "INTEGER PRIMARY KEY",
        ["{text}"] = "TEXT",
        ["{bytes}"] = "BLOB",
        // The primary key's tree holds the rows: no second one.
        ["{clustered}"] = "WITHOUT ROWID",
    };

    public override IReadOnlyList<string> Guards { get; } =
    [
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        // INSERT OR REPLACE deletes without that trigger.
        "CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
        "CREATE TRIGGER revisions_no_update BEFORE UPDATE ON revisions BEGIN SELECT RAISE(ABORT, 'revisions are immutable'); END",
        "CREATE TRIGGER revisions_no_replace BEFORE INSERT ON revisions WHEN EXISTS (SELECT 1 FROM revisions WHERE policy = NEW.policy AND number = NEW.number) BEGIN SELECT RAISE(ABORT, 'revisions are immutable'); END",
    ];

    public override DbConnection Connect()
    {
        var connection = new SqliteConnection(_connection);
        try
        {
            connection.Open();
            // Another process may be writing; every commit is flushed before it is reported.
            Execute(connection, "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL");
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
    }

    public override void Opened(DbConnection connection) => Execute(connection, "PRAGMA journal_mode = WAL");
}
