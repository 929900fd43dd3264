using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Serving;

/// <summary>
/// Every adapter that a study's cells trained becomes a revision of its user's policy, with where it comes from and what it was measured
/// at, and the pointer moves to it. The same cell measured again gives the same bytes, and nothing new.
/// </summary>
/// <param name="registry">The publisher's from now on.</param>
/// <param name="code">What a revision's provenance says of the code that trained it.</param>
/// <param name="cells">All that are published, whether measured now or before.</param>
public sealed class StudyPublisher(IRegistry registry, string study, string owner, string pointer, string code, IReadOnlyList<PublishedCell> cells) : IDisposable
{
    private readonly AdapterPublisher _publisher = new(registry, owner, "pbench run");
    private readonly PolicyNames _names = new(cells);

    /// <summary>Revisions that are new.</summary>
    public int Added { get; private set; }

    /// <summary>Adapters that were there already, byte for byte.</summary>
    public int Known { get; private set; }

    /// <param name="users">Of the cell's dataset.</param>
    /// <param name="run">What the cell says of all its users.</param>
    public void Take(PublishedCell cell, LoadedBase model, IAdapterModels trained, IReadOnlyList<User> users, RunRecord run, IReadOnlyList<ProbeRecord> probes)
    {
        var training = Training(cell, model.Info.Precision);
        foreach (var (user, adapter) in trained.ExportAdapters())
        {
            var origin = new NewRevision("", code) { Data = DatasetDigest.Of(users.Single(u => u.Id == user).History), Training = training };
            var added = _publisher.AddOnce(_names.Of(cell, user), adapter, model.Config, origin, Measured(user, run, probes), pointer);
            if (added is null) Known++;
            else Added++;
        }
    }

    /// <summary>How many of a cell's users have no policy.</summary>
    public int CountAbsent(PublishedCell cell, IReadOnlyList<User> users) => users.Count(u => u.History.Count > 0 && _publisher.Find(_names.Of(cell, u.Id)) is null);

    public void Dispose() => registry.Dispose();

    /// <summary>Alike for all users of a cell: the registry keeps it once.</summary>
    private string Training(PublishedCell cell, string precision) => CanonicalJson.Write(new JsonObject
    {
        ["base"] = cell.Base,
        ["cell"] = cell.Key,
        ["dataset"] = cell.DatasetDigest,
        ["precision"] = precision,
        ["seed"] = cell.Seed,
        ["settings"] = JsonNode.Parse(cell.Settings),
        ["strategy"] = cell.Strategy,
        ["study"] = study,
    });

    /// <summary>The means of a user's probes by kind and metric, and what the cell says of all its users.</summary>
    private static List<Measured> Measured(string user, RunRecord run, IEnumerable<ProbeRecord> probes)
    {
        var measured = probes.Where(p => p.UserId == user).GroupBy(p => (p.Kind, p.Metric))
            .Select(g => new Measured($"{g.Key.Kind} {g.Key.Metric}", g.Average(p => p.Score), JsonSerializer.Serialize(new { probes = g.Count() }))).ToList();
        if (run.HeldOutBitsPerByteAfter is { } heldOut)
            measured.Add(new Measured("general texts bits-per-byte", heldOut, JsonSerializer.Serialize(new { mean_of_users = run.Users, before = run.HeldOutBitsPerByteBefore })));
        return measured;
    }
}
