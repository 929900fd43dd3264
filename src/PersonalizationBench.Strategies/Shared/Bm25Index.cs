using Microsoft.Data.Sqlite;
using PersonalizationBench.Core;

namespace PersonalizationBench.Strategies.Shared;

/// <summary>
/// One user's documents, found by BM25 as SQLite's FTS5 computes it (k1 = 1.2, b = 0.75; Robertson and Zaragoza, 2009),
/// in memory. The texts themselves are kept by the caller: the index holds none.
/// </summary>
internal sealed class Bm25Index : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _search;

    public Bm25Index(IReadOnlyList<Document> documents)
    {
        _connection = new SqliteConnection("Data Source=:memory:;Pooling=False");
        _connection.Open();
        // Small pages: most of a small user's index would otherwise be the unused ends of its pages.
        Execute("PRAGMA page_size = 512");
        Execute("CREATE VIRTUAL TABLE documents USING fts5(text, content = '', tokenize = 'unicode61')");
        Insert(documents);
        Execute("INSERT INTO documents(documents) VALUES ('optimize')");
        Bytes = Scalar("PRAGMA page_size") * (Scalar("PRAGMA page_count") - Scalar("PRAGMA freelist_count"));
        _search = _connection.CreateCommand();
        // bm25() is the lower the better. Of equals the newest wins, so that the order never hangs on SQLite's plan.
        _search.CommandText = "SELECT rowid FROM documents WHERE documents MATCH $query ORDER BY bm25(documents), rowid DESC LIMIT $k";
        _search.Parameters.Add("$query", SqliteType.Text);
        _search.Parameters.Add("$k", SqliteType.Integer);
    }

    /// <summary>What the index takes as a file.</summary>
    public long Bytes { get; }

    /// <summary>Positions of at most <paramref name="k"/> documents that share a word with the text, best first.</summary>
    public IReadOnlyList<int> Search(string text, int k)
    {
        if (FullTextQuery.From(text) is not { } query) return [];
        _search.Parameters["$query"].Value = query;
        _search.Parameters["$k"].Value = k;
        var found = new List<int>();
        using var rows = _search.ExecuteReader();
        while (rows.Read()) found.Add(rows.GetInt32(0) - 1);
        return found;
    }

    public void Dispose()
    {
        _search.Dispose();
        _connection.Dispose();
    }

    private void Insert(IReadOnlyList<Document> documents)
    {
        using var transaction = _connection.BeginTransaction();
        using var insert = _connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = "INSERT INTO documents(rowid, text) VALUES ($row, $text)";
        var row = insert.Parameters.Add("$row", SqliteType.Integer);
        var text = insert.Parameters.Add("$text", SqliteType.Text);
        for (var i = 0; i < documents.Count; i++)
        {
            (row.Value, text.Value) = (i + 1, documents[i].Text);
            insert.ExecuteNonQuery();
        }
        transaction.Commit();
    }

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private long Scalar(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}
