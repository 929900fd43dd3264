using System.Collections.Concurrent;
using System.Data.Common;
using PersonalizationBench.Core;

namespace PersonalizationBench.Serving;

/// <summary>The open sessions of one database, lent to one call each.</summary>
internal sealed class SqlSessions(Dialect dialect) : IDisposable
{
    private const int Attempts = 4;
    private readonly ConcurrentBag<SqlSession> _idle = [];
    private readonly SemaphoreSlim _free = new(dialect.MostConnections);
    private readonly Lock _writer = new();
    private volatile bool _isDisposed;

    /// <summary>Called before a transaction commits; where tests let it fail.</summary>
    public Action Committing { get; set; } = () => { };

    /// <summary>Statements that only read; each sees what was committed before it.</summary>
    public T Read<T>(Func<SqlSession, T> work) => Lend(work, () => true);

    /// <summary>A transaction: committed when <paramref name="work"/> returns, undone when it throws. It may be called again where the
    /// database had to choose among several.</summary>
    public T Write<T>(Func<SqlSession, T> work)
    {
        // SQLite's own way to wait for another writer is to sleep and ask again.
        if (!dialect.HasOneWriter) return Transact(work);
        lock (_writer) return Transact(work);
    }

    public void Write(Action<SqlSession> work) => Write(session =>
    {
        work(session);
        return 0;
    });

    public void Dispose()
    {
        _isDisposed = true;
        while (_idle.TryTake(out var session)) session.Dispose();
    }

    private T Transact<T>(Func<SqlSession, T> work)
    {
        // Whether a commit that failed took place is not known: it is not tried again.
        var isCommitting = false;
        return Lend(session =>
        {
            session.Begin();
            try
            {
                var result = work(session);
                Committing();
                isCommitting = true;
                session.Commit();
                return result;
            }
            catch (PbenchException)
            {
                session.Rollback();
                throw;
            }
        }, () => !isCommitting);
    }

    /// <param name="mayRepeat">Whether the work can be done again after the connection was lost, or a deadlock was broken.</param>
    private T Lend<T>(Func<SqlSession, T> work, Func<bool> mayRepeat)
    {
        _free.Wait();
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                SqlSession? session = null;
                try
                {
                    session = _idle.TryTake(out var idle) ? idle : new SqlSession(dialect.Connect());
                    var result = work(session);
                    Return(session);
                    return result;
                }
                catch (PbenchException)
                {
                    if (session is not null) Return(session);
                    throw;
                }
                catch (DbException e) when (e.IsTransient && attempt < Attempts && session is not null && mayRepeat())
                {
                    // The database was started anew, perhaps: the other sessions are as dead as this one.
                    session.Dispose();
                    while (_idle.TryTake(out var other)) other.Dispose();
                }
                catch (Exception e)
                {
                    session?.Dispose();
                    if (e is DbException) throw new PbenchException($"{dialect.Name}: {e.Message}", e);
                    throw;
                }
            }
        }
        finally
        {
            _free.Release();
        }
    }

    private void Return(SqlSession session)
    {
        if (_isDisposed) session.Dispose();
        else _idle.Add(session);
    }
}
