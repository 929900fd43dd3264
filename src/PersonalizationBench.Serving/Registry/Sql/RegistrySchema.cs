using System.Data.Common;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>
/// The tables. Rows are small, for a million policies: digests are 32 bytes, times milliseconds since 1970 (UTC), and texts that
/// repeat (modules, training settings, code versions) are kept once.
/// </summary>
internal static class RegistrySchema
{
    /// <summary>Goes up with every change of the tables.</summary>
    public const long Version = 1;

    private static readonly string[] Tables =
    [
        "CREATE TABLE registry_schema (version BIGINT NOT NULL)",
        "CREATE TABLE owners (pk {identity}, name {text} NOT NULL UNIQUE, bytes BIGINT NOT NULL, quota BIGINT)",
        "CREATE TABLE texts (pk {identity}, hash {bytes} NOT NULL UNIQUE, content TEXT NOT NULL)",
        """
        CREATE TABLE policies (
            pk {identity}, owner BIGINT NOT NULL REFERENCES owners(pk), id {text} NOT NULL, base {bytes} NOT NULL, rank INTEGER NOT NULL,
            modules BIGINT NOT NULL, created BIGINT NOT NULL, deleted BIGINT, UNIQUE (owner, id))
        """,
        """
        CREATE TABLE revisions (
            policy BIGINT NOT NULL REFERENCES policies(pk), number INTEGER NOT NULL, digest {bytes} NOT NULL, bytes BIGINT NOT NULL, parent INTEGER,
            training BIGINT, data {bytes}, code BIGINT NOT NULL, created BIGINT NOT NULL,
            PRIMARY KEY (policy, number), FOREIGN KEY (policy, parent) REFERENCES revisions(policy, number)) {clustered}
        """,
        "CREATE INDEX revisions_by_digest ON revisions (digest)",
        """
        CREATE TABLE pointers (
            policy BIGINT NOT NULL, name {text} NOT NULL, revision INTEGER NOT NULL,
            PRIMARY KEY (policy, name), FOREIGN KEY (policy, revision) REFERENCES revisions(policy, number)) {clustered}
        """,
        """
        CREATE TABLE evaluations (
            pk {identity}, policy BIGINT NOT NULL, revision INTEGER NOT NULL, name TEXT NOT NULL, value DOUBLE PRECISION NOT NULL, details TEXT, made BIGINT NOT NULL,
            FOREIGN KEY (policy, revision) REFERENCES revisions(policy, number))
        """,
        "CREATE INDEX evaluations_by_revision ON evaluations (policy, revision)",
        """
        CREATE TABLE audit (
            sequence {identity}, made BIGINT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, owner BIGINT NOT NULL REFERENCES owners(pk),
            policy BIGINT REFERENCES policies(pk), revision INTEGER, pointer TEXT, previous INTEGER, detail TEXT)
        """,
        "CREATE INDEX audit_by_policy ON audit (owner, policy, sequence)",
        "CREATE TABLE api_keys (pk {identity}, hash {bytes} NOT NULL UNIQUE, owner BIGINT NOT NULL REFERENCES owners(pk), kind TEXT NOT NULL, created BIGINT NOT NULL, revoked BIGINT)",
        "CREATE INDEX api_keys_by_owner ON api_keys (owner)",
    ];

    /// <summary>Creates the tables in a database without any; refuses every other that is not a registry of this version.</summary>
    public static void Ensure(Dialect dialect, DbConnection connection)
    {
        dialect.Opening(connection);
        using (var transaction = connection.BeginTransaction())
        {
            if (dialect.LockSchema is { } wait) Execute(wait);
            var (tables, named) = CountTables();
            if (tables == 0) Create();
            else if (named == 0) throw new PbenchException($"{dialect.Name}: holds {tables} tables that are not a registry's; expected a registry or an empty database");
            else if (FoundVersion() is var version && version != Version)
                throw new PbenchException($"{dialect.Name}: the registry has schema {version}, this program knows {Version}{(version > Version ? "; use the newer program that made it" : "")}");
            transaction.Commit();

            void Create()
            {
                foreach (var table in Tables) Execute(dialect.Words.Aggregate(table, (sql, word) => sql.Replace(word.Key, word.Value, StringComparison.Ordinal)));
                foreach (var guard in dialect.Guards) Execute(guard);
                Execute(FormattableString.Invariant($"INSERT INTO registry_schema (version) VALUES ({Version})"));
            }

            void Execute(string sql)
            {
                using var command = Command(sql);
                command.ExecuteNonQuery();
            }

            (long Tables, long Named) CountTables()
            {
                using var command = Command(dialect.CountTables);
                using var reader = command.ExecuteReader();
                reader.Read();
                return (reader.GetInt64(0), reader.GetInt64(1));
            }

            long FoundVersion()
            {
                using var command = Command("SELECT COALESCE(MAX(version), 0) FROM registry_schema");
                return Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
            }

            DbCommand Command(string sql)
            {
                var command = connection.CreateCommand();
                (command.CommandText, command.Transaction) = (sql, transaction);
                return command;
            }
        }
        dialect.Opened(connection);
    }
}
