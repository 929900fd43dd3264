using System.Data.Common;

namespace PersonalizationBench.Serving;

/// <summary>What the two databases do differently; all other statements are the same text for both.</summary>
internal abstract class Dialect
{
    /// <summary>What errors call the database; no password in it.</summary>
    public abstract string Name { get; }

    /// <summary>One writer at a time, or else the database sorts them out by the rows that they lock.</summary>
    public abstract bool HasOneWriter { get; }

    /// <summary>Connections that may be open at once.</summary>
    public abstract int MostConnections { get; }

    /// <summary>Ends a SELECT whose policy (table p) no other transaction shall change before this one ends.</summary>
    public abstract string LockPolicy { get; }

    /// <summary>Makes whoever creates the tables wait for others who do; null: nothing is needed.</summary>
    public abstract string? LockSchema { get; }

    /// <summary>Holds collecting blobs off until the transaction ends; null: nothing is needed.</summary>
    public abstract string? HoldBlobs { get; }

    /// <summary>Holds transactions with <see cref="HoldBlobs"/> off; null: nothing is needed.</summary>
    public abstract string? LockBlobs { get; }

    /// <summary>Selects how many tables there are, and how many are called registry_schema.</summary>
    public abstract string CountTables { get; }

    /// <summary>Words of <see cref="RegistrySchema"/> and what they are here.</summary>
    public abstract IReadOnlyDictionary<string, string> Words { get; }

    /// <summary>Statements that make the audit log append-only and revisions immutable.</summary>
    public abstract IReadOnlyList<string> Guards { get; }

    /// <summary>An open connection.</summary>
    public abstract DbConnection Connect();

    /// <summary>Called once, before there need be any tables.</summary>
    public abstract void Opening(DbConnection connection);

    /// <summary>Called once, on tables that are known to be a registry's.</summary>
    public abstract void Opened(DbConnection connection);

    protected static void Execute(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
