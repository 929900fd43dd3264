using System.Data.Common;

namespace PersonalizationBench.Serving;

/// <summary>A policy's row, as far as changing it needs.</summary>
internal readonly record struct PolicyKey(long Policy, long Owner, string Id);

/// <summary>Columns, and the records that they are read into.</summary>
internal static class RegistryRows
{
    public const string PolicyColumns = "p.id, o.name, p.base, p.rank, m.content, p.created";

    public const string PolicyTables = "policies p JOIN owners o ON o.pk = p.owner JOIN texts m ON m.pk = p.modules";

    public const string RevisionColumns = "p.id, r.number, r.digest, r.bytes, r.parent, t.content, r.data, c.content, r.created";

    /// <summary>Join to owners o, policies p and revisions r.</summary>
    public const string RevisionTexts = "JOIN texts c ON c.pk = r.code LEFT JOIN texts t ON t.pk = r.training";

    /// <summary>An owner's policy that is not deleted.</summary>
    public const string Mine = "owners o JOIN policies p ON p.owner = o.pk AND p.id = @policy AND p.deleted IS NULL";

    public const string AuditColumns = "a.sequence, a.made, a.actor, a.action, o.name, p.id, a.revision, a.pointer, a.previous, a.detail";

    public const string KeyColumns = "k.pk, o.name, k.kind, k.created, k.revoked";

    public static Policy Policy(DbDataReader row) =>
        new(row.GetString(0), row.GetString(1), Hex(row, 2)!, row.GetInt32(3), row.GetString(4).Split('\n'), Time(row, 5)!.Value);

    public static Revision Revision(DbDataReader row) => new(
        row.GetString(0), row.GetInt32(1), Hex(row, 2)!, row.GetInt64(3), Int(row, 4), Text(row, 5), Hex(row, 6), row.GetString(7), Time(row, 8)!.Value);

    public static AuditEntry Audit(DbDataReader row) => new(
        row.GetInt64(0), Time(row, 1)!.Value, row.GetString(2), row.GetString(3), row.GetString(4), Text(row, 5), Int(row, 6), Text(row, 7), Int(row, 8), Text(row, 9));

    public static ApiKey Key(DbDataReader row) =>
        new(row.GetInt64(0), row.GetString(1), Enum.Parse<KeyKind>(row.GetString(2)), Time(row, 3)!.Value, Time(row, 4));

    public static PolicyKey PolicyKey(DbDataReader row) => new(row.GetInt64(0), row.GetInt64(1), row.GetString(2));

    public static DateTimeOffset? Time(DbDataReader row, int column) => row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    public static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static int? Int(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt32(column);

    private static string? Hex(DbDataReader row, int column) => row.IsDBNull(column) ? null : Convert.ToHexStringLower(row.GetFieldValue<byte[]>(column));
}
