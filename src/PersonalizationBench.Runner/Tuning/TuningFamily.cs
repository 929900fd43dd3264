using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Tuning;

/// <summary>A configuration of a family.</summary>
/// <param name="Section">The settings that the file gives, without axes.</param>
/// <param name="Settings">All settings, as canonical JSON.</param>
public sealed record Configuration(YamlSection Section, string Settings);

/// <summary>What tuning tries of a strategy.</summary>
/// <param name="Name">Of the family whose budget it shares.</param>
/// <param name="Type">The strategy's.</param>
/// <param name="Section">Where the file says it.</param>
/// <param name="Bases">Names of the bases that it is tried on.</param>
/// <param name="Configurations">In the order of the grid.</param>
public sealed record TuningFamily(string Name, string Type, YamlSection Section, IReadOnlyList<string> Bases, IReadOnlyList<Configuration> Configurations)
{
    public const string FamilyKey = "family";

    /// <summary>The keys that not all configurations give the same value.</summary>
    public IReadOnlyList<string> Swept { get; } =
        [.. Configurations.SelectMany(c => c.Section.Entries.Select(e => e.Name)).Distinct().Where(key => Section.Find(key) is { Kind: YamlKind.List } && Configurations.Select(c => c.Section.Find(key)).Distinct().Count() > 1)];

    /// <summary>Configurations of a family on a base, whatever their strategy.</summary>
    public static int Budget(IEnumerable<TuningFamily> families, string name, string baseName) =>
        families.Where(f => f.Name == name && f.Bases.Contains(baseName)).Sum(f => f.Configurations.Count);

    /// <summary>The digest of all that is tried of a family on a base, and on whom.</summary>
    public static string Grid(IEnumerable<TuningFamily> families, string name, BaseInfo on, TuneSpec spec, IEnumerable<PlannedDataset> datasets) => Digest.Of(CanonicalJson.Write(new JsonObject
    {
        ["base"] = on.Digest,
        ["configurations"] = new JsonArray([.. families.Where(f => f.Name == name && f.Bases.Contains(on.Name)).SelectMany(f => f.Configurations, (f, c) => (JsonNode)$"{f.Type} {c.Settings}")]),
        ["datasets"] = new JsonArray([.. datasets.Select(d => (JsonNode)d.Data.Digest)]),
        ["measurement"] = Measurement.Version,
        ["objective"] = spec.Objective,
        ["seeds"] = new JsonArray([.. spec.Seeds.Select(s => (JsonNode)s)]),
    }));

    /// <summary>A dataset's tuning users in place of those reported.</summary>
    public static PlannedDataset OnTuningUsers(PlannedDataset dataset, int users) => dataset with
    {
        Data = DatasetDigest.Seal(dataset.Data with { Users = [.. dataset.Data.TuningUsers.Take(users)], TuningUsers = [] }),
    };
}

/// <summary>How a strategy's settings were chosen.</summary>
public sealed record Tuned(string Family, string Objective, int Configurations, int Seeds, int Users);
