using System.Data.Common;

namespace PersonalizationBench.Serving;

/// <summary>A connection with the statements that ran on it, ready to run again. One thread at a time.</summary>
internal sealed class SqlSession(DbConnection connection) : IDisposable
{
    private readonly Dictionary<string, DbCommand> _commands = new(StringComparer.Ordinal);
    private DbTransaction? _transaction;

    /// <summary>Keys of texts that this transaction has looked up or added.</summary>
    public Dictionary<string, long> Texts { get; } = new(StringComparer.Ordinal);

    public void Begin()
    {
        Texts.Clear();
        _transaction = connection.BeginTransaction();
    }

    public void Commit()
    {
        _transaction!.Commit();
        End();
    }

    public void Rollback()
    {
        _transaction!.Rollback();
        End();
    }

    /// <returns>Rows that were changed.</returns>
    public int Execute(string sql, params ReadOnlySpan<(string Name, object? Value)> values) => Command(sql, values).ExecuteNonQuery();

    /// <summary>The first row; null where there is none.</summary>
    public T? First<T>(string sql, Func<DbDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        using var reader = Command(sql, values).ExecuteReader();
        return reader.Read() ? read(reader) : default;
    }

    /// <summary>The first column of the first row; null where there is no row.</summary>
    public long? Number(string sql, params ReadOnlySpan<(string Name, object? Value)> values) => First<long?>(sql, row => row.GetInt64(0), values);

    public List<T> All<T>(string sql, Func<DbDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        var rows = new List<T>();
        using var reader = Command(sql, values).ExecuteReader();
        while (reader.Read()) rows.Add(read(reader));
        return rows;
    }

    public void Dispose()
    {
        foreach (var command in _commands.Values) command.Dispose();
        _transaction?.Dispose();
        connection.Dispose();
    }

    private void End()
    {
        _transaction!.Dispose();
        _transaction = null;
    }

    private DbCommand Command(string sql, ReadOnlySpan<(string Name, object? Value)> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            foreach (var (name, _) in values)
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = '@' + name;
                command.Parameters.Add(parameter);
            }
            _commands.Add(sql, command);
        }
        command.Transaction = _transaction;
        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i].Value ?? DBNull.Value;
        return command;
    }
}
