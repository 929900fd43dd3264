using Microsoft.Data.Sqlite;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>What is opened, and what is refused.</summary>
[Collection(PostgresServer.Collection)]
public sealed class RegistryDatabaseTests(PostgresServer server)
{
    [Theory]
    [InlineData("UPDATE registry_schema SET version = 2", "the registry has schema 2, this program knows 1; use the newer program that made it")]
    [InlineData("UPDATE registry_schema SET version = 0", "the registry has schema 0, this program knows 1")]
    [InlineData("DELETE FROM registry_schema", "the registry has schema 0, this program knows 1")]
    [InlineData("DROP TABLE registry_schema", "tables that are not a registry's; expected a registry or an empty database")]
    public void A_schema_that_is_not_known_is_refused(string sql, string what)
    {
        using var bench = new Bench(postgres: null);
        AssertRefused(bench, sql, what);
    }

    [SkippableFact]
    public void The_same_with_PostgreSQL()
    {
        using (var bench = new Bench(server.NewSchema())) AssertRefused(bench, "UPDATE registry_schema SET version = 2", "the registry has schema 2, this program knows 1; use the newer program that made it");
        using (var bench = new Bench(server.NewSchema())) AssertRefused(bench, "DROP TABLE registry_schema", "tables that are not a registry's; expected a registry or an empty database");
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused_and_not_changed()
    {
        using var bench = new Bench(postgres: null);
        var path = Path.Combine(bench.Folder, "notes.txt");
        var text = string.Concat(Enumerable.Repeat("not a database\n", 100));
        File.WriteAllText(path, text);
        Assert.StartsWith($"{path}: the registry could not be opened: ", Assert.Throws<PbenchException>(() => RegistryDatabase.Open(path, bench.Blobs, bench.Clock)).Message);
        Assert.Equal(text, File.ReadAllText(path));

        var foreign = Path.Combine(bench.Folder, "foreign.db");
        using (var connection = new SqliteConnection($"Data Source={foreign};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "CREATE TABLE contacts (name TEXT)";
            command.ExecuteNonQuery();
        }
        var before = File.ReadAllBytes(foreign);
        Assert.Equal($"{foreign}: holds 1 tables that are not a registry's; expected a registry or an empty database", Assert.Throws<PbenchException>(() => RegistryDatabase.Open(foreign, bench.Blobs, bench.Clock)).Message);
        Assert.Equal(before, File.ReadAllBytes(foreign));
    }

    [Fact]
    public void Many_may_create_it_at_once()
    {
        using var bench = new Bench(postgres: null);
        OpenAtOnce(Path.Combine(bench.Folder, "other.db"), bench);
    }

    [SkippableFact]
    public void Many_may_create_it_at_once_with_PostgreSQL()
    {
        using var bench = new Bench(server.NewSchema());
        OpenAtOnce(server.NewSchema(), bench);
    }

    [Fact]
    public void A_server_that_is_not_there_is_named_without_the_password()
    {
        using var bench = new Bench(postgres: null);
        var error = Assert.Throws<PbenchException>(() => RegistryDatabase.Open("postgres://me:hidden@127.0.0.1:1/models", bench.Blobs, bench.Clock));
        Assert.StartsWith("postgres://127.0.0.1:1/models (schema pbench): the registry could not be opened: ", error.Message);
        Assert.DoesNotContain("hidden", error.Message);
    }

    [Theory]
    [InlineData("postgres://me:p%40ss@db.example:5433/models?sslmode=verify-full", "postgres://db.example:5433/models (schema pbench)")]
    [InlineData("postgresql:///models?host=/var/run/postgresql&Search%20Path=mine", "postgres:///var/run/postgresql:5432/models (schema mine)")]
    [InlineData("Host=db;Database=models;Username=me;Password=x", "postgres://db:5432/models (schema pbench)")]
    [InlineData("username=me; host=db; Database=models", "postgres://db:5432/models (schema pbench)")]
    public void A_connection_string_says_which_database(string connection, string name) => Assert.Equal(name, RegistryDatabase.DialectOf(connection).Name);

    [Theory]
    [InlineData("", "found nothing")]
    [InlineData("mysql://host/db", "found 'mysql...'")]
    [InlineData("Data Source=x.db", "expected a file's path")]
    [InlineData("postgres://host/db?nonsense=1", "registry connection: 'nonsense'")]
    [InlineData("postgres:///db", "expected a host")]
    [InlineData("Host=db;nonsense=1", "registry connection: ")]
    public void A_connection_string_that_is_none_is_refused(string connection, string what) =>
        Assert.Contains(what, Assert.Throws<PbenchException>(() => RegistryDatabase.DialectOf(connection)).Message);

    /// <summary>Twenty thousand here, a million in the study of scale: bytes grow in proportion, look-ups hardly.</summary>
    [Fact]
    public void A_registered_policy_takes_less_than_a_kilobyte()
    {
        using var bench = new Bench(postgres: null);
        const int policies = 20_000;
        var digests = Enumerable.Range(0, 10).Select(i => bench.Blobs.Put(Bench.Content(i))).ToList();
        var empty = Bytes();
        foreach (var batch in Enumerable.Range(0, policies).Chunk(5000))
            bench.Registry.Import([.. batch.Select(i => (Bench.NewPolicy($"clone-{i:d7}", $"user-{i / 2:d7}"), new NewRevision(digests[i % 10], "v1") { Data = Digest.Of($"{i}"), Training = """{"epochs": 3, "rank": 4}""" }))], Bench.Actor);
        Assert.Equal(4, bench.Registry.Resolve("user-0007777", "clone-0015554").Digest.Length / 16);
        bench.Registry.Dispose();
        Assert.InRange((Bytes() - empty) / (double)policies, 100, 1024);

        long Bytes() => Directory.EnumerateFiles(bench.Folder, "registry.db*").Sum(f => new FileInfo(f).Length);
    }

    private static void AssertRefused(Bench bench, string sql, string what)
    {
        bench.Sql(sql);
        Assert.EndsWith(what, Assert.Throws<PbenchException>(() => bench.Open()).Message);
    }

    private static void OpenAtOnce(string connection, Bench bench)
    {
        var opened = new IRegistry[4];
        var threads = Enumerable.Range(0, opened.Length).Select(i => new Thread(() => opened[i] = RegistryDatabase.Open(connection, bench.Blobs, bench.Clock))).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        opened[0].CreatePolicy(Bench.NewPolicy("p"), Bench.Actor);
        Assert.All(opened, r => Assert.Equal("p", r.FindPolicy(Bench.Alice, "p").Id));
        foreach (var registry in opened) registry.Dispose();
    }
}
