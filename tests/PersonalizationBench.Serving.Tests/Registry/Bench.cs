using System.Globalization;
using System.Text;

namespace PersonalizationBench.Serving.Tests.Registry;

/// <summary>A registry of its own in a folder of its own, with a clock that stands still unless it is moved.</summary>
internal sealed class Bench : IDisposable
{
    public const string Alice = "alice", Bob = "bob", Actor = "a test";

    public static readonly string BaseDigest = new('b', 64);

    private readonly Stack<IDisposable> _open = [];

    /// <param name="postgres">A connection string for a schema of its own; null: SQLite in the folder.</param>
    public Bench(string? postgres)
    {
        Folder = Directory.CreateTempSubdirectory("pbench-registry-").FullName;
        Connection = postgres ?? Path.Combine(Folder, "registry.db");
        IsSqlite = postgres is null;
        Blobs = new FolderBlobs(BlobFolder, Clock);
        Registry = Open();
    }

    public string Folder { get; }

    public string BlobFolder => Path.Combine(Folder, "blobs");

    public string Connection { get; }

    public bool IsSqlite { get; }

    public ManualClock Clock { get; } = new();

    public FolderBlobs Blobs { get; }

    public SqlRegistry Registry { get; }

    /// <summary>Another way into the same registry, as another process has one.</summary>
    public SqlRegistry Open()
    {
        var registry = RegistryDatabase.OpenSql(Connection, Blobs, Clock);
        _open.Push(registry);
        return registry;
    }

    public static NewPolicy NewPolicy(string id, string owner = Alice) => new(id, owner, BaseDigest, 4, ["q_proj", "v_proj"]);

    public static byte[] Content(int number) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"weights {number}"));

    /// <summary>Puts the bytes of <see cref="Content"/> and adds them as the next revision.</summary>
    public Revision Add(string policy, int content, string owner = Alice, int? parent = null) =>
        Registry.AddRevision(owner, policy, new NewRevision(Blobs.Put(Content(content)), "v1") { Parent = parent }, Actor);

    /// <summary>A policy with revisions 1 to <paramref name="revisions"/>, of which the first is live.</summary>
    public void Create(string policy, int revisions, string owner = Alice)
    {
        Registry.CreatePolicy(NewPolicy(policy, owner), Actor);
        for (var n = 1; n <= revisions; n++) Add(policy, n, owner);
        if (revisions > 0) Registry.Publish(owner, policy, Pointer.Live, 1, null, Actor);
    }

    /// <summary>Sends a statement past the registry, as somebody with the database's own tools would.</summary>
    public int Sql(string sql)
    {
        using var connection = RegistryDatabase.DialectOf(Connection).Connect();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        while (_open.TryPop(out var registry)) registry.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}

internal sealed class ManualClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}
