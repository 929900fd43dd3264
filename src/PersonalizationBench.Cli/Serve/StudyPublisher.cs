using System.Text.Json;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Cli.Serve;

/// <summary>
/// <c>publish:</c> of a study: every adapter that its cells trained becomes a revision of its user's policy, with where it comes from and
/// what it was measured at, and the pointer moves to it. The same cell measured again gives the same bytes, and nothing new.
/// </summary>
internal sealed class StudyPublisher : IPersonalModelsSink, IDisposable
{
    private const string Key = "publish";

    private readonly Workbench _bench;
    private readonly StudyPlan _plan;
    private readonly PublishSpec _spec;
    private readonly IRegistry _registry;
    private readonly AdapterPublisher _publisher;
    private readonly IReadOnlyList<Cell> _cells;
    private readonly PolicyNames _names;
    private readonly string _code = CodeVersion.Now();
    private int _added, _known;

    private StudyPublisher(Workbench bench, StudyPlan plan, PublishSpec spec)
    {
        (_bench, _plan, _spec, _cells) = (bench, plan, spec, Published(plan, spec));
        _names = new PolicyNames(_cells);
        _registry = RegistryDatabase.Open(spec.Registry, BlobStores.Open(spec.Blobs, bench.Clock), bench.Clock);
        _publisher = new AdapterPublisher(_registry, Owner(plan, spec), "pbench run");
    }

    /// <summary>Null where the study publishes nothing. The registry is made where it is missing.</summary>
    public static StudyPublisher? Open(Workbench bench, StudyPlan plan) => plan.File.Spec.Publish is { } spec ? new StudyPublisher(bench, plan, spec) : null;

    /// <summary>Throws <see cref="PbenchException"/> with file, line and key where <c>publish:</c> asks for what cannot be; opens nothing.</summary>
    public static void Check(StudyPlan plan)
    {
        if (plan.File.Spec.Publish is not { } spec) return;
        var section = plan.File.Section.Find(Key)!;
        Valid("owner", () => PolicyId.Require(Owner(plan, spec), "owner"));
        Valid("pointer", () => PolicyId.RequirePointer(spec.Pointer));
        foreach (var item in section.Find("strategies")?.Items ?? [])
        {
            if (plan.Strategies.All(s => s.Type != item.Text)) throw item.Error($"'{item.Text}' is none of the study's strategies; expected some of {string.Join(", ", plan.Strategies.Select(s => s.Type).Distinct())}");
            if (!plan.Strategies.Any(s => s.Type == item.Text && TrainsAdapters(s))) throw item.Error($"'{item.Text}' trains no adapters; expected one that does, such as lora");
        }
        if (Published(plan, spec).Count == 0) throw section.Error("no strategy of the study trains adapters, its controls aside; expected one that does, such as lora");

        void Valid(string key, Action check)
        {
            try
            {
                check();
            }
            catch (RegistryException e)
            {
                throw PbenchException.At(section.File, section.LineOf(key), $"{Key}.{key}: {e.Message}", e);
            }
        }
    }

    public void Take(Cell cell, IBaseModel baseModel, IPersonalModels models, CellResult result)
    {
        if (_cells.All(c => c.Key != cell.Key) || models is not IAdapterModels trained) return;
        var training = Training(cell, baseModel);
        foreach (var (user, adapter) in trained.ExportAdapters())
        {
            var data = DatasetDigest.Of(cell.Dataset.Data.Users.Single(u => u.Id == user).History);
            var origin = new NewRevision("", _code) { Data = data, Training = training };
            var added = _publisher.AddOnce(_names.Of(cell, user), adapter, ((LoadedBase)baseModel).Config, origin, Measured(user, result), _spec.Pointer);
            if (added is null) _known++;
            else _added++;
        }
    }

    /// <summary>How many there were, and a warning where cells that were measured before <c>publish:</c> was asked for have left none.</summary>
    /// <param name="measuredBefore">Cells that were not measured now.</param>
    public void Say(IReadOnlyList<Cell> measuredBefore)
    {
        if (_added + _known > 0) _bench.Output.WriteLine(FormattableString.Invariant($"published: {_added} adapters of {Owner(_plan, _spec)}; {_known} were there already"));
        var keys = measuredBefore.Select(c => c.Key).ToHashSet(StringComparer.Ordinal);
        var absent = _cells.Where(c => keys.Contains(c.Key)).Sum(c => c.Dataset.Data.Users.Count(u => u.History.Count > 0 && _publisher.Find(_names.Of(c, u.Id)) is null));
        if (absent > 0) _bench.Error.WriteLine($"pbench: warning: {absent} adapters of cells measured before are not in {_spec.Registry}; --fresh measures them anew and publishes them");
    }

    public void Dispose() => _registry.Dispose();

    private static string Owner(StudyPlan plan, PublishSpec spec) => spec.Owner ?? plan.Name;

    private static List<Cell> Published(StudyPlan plan, PublishSpec spec) =>
        [.. plan.Cells.Where(c => c.Strategy.Control.Length == 0 && TrainsAdapters(c.Strategy) && (spec.Strategies is null || spec.Strategies.Contains(c.Strategy.Type)))];

    private static bool TrainsAdapters(PlannedStrategy strategy) => strategy.Options is AdapterSettings;

    /// <summary>Alike for all users of a cell: the registry keeps it once.</summary>
    private string Training(Cell cell, IBaseModel baseModel) => CanonicalJson.Write(new JsonObject
    {
        ["base"] = cell.Base.Name,
        ["cell"] = cell.Key,
        ["dataset"] = cell.Dataset.Data.Digest,
        ["precision"] = baseModel.Info.Precision,
        ["seed"] = cell.Seed,
        ["settings"] = JsonNode.Parse(cell.Strategy.Settings),
        ["strategy"] = cell.Strategy.Type,
        ["study"] = _plan.Name,
    });

    /// <summary>The means of a user's probes by kind and metric, and what the cell says of all its users.</summary>
    private static List<Measured> Measured(string user, CellResult result)
    {
        var measured = result.Probes.Where(p => p.UserId == user).GroupBy(p => (p.Kind, p.Metric))
            .Select(g => new Measured($"{g.Key.Kind} {g.Key.Metric}", g.Average(p => p.Score), JsonSerializer.Serialize(new { probes = g.Count() }))).ToList();
        if (result.Run.HeldOutBitsPerByteAfter is { } heldOut)
            measured.Add(new Measured("general texts bits-per-byte", heldOut, JsonSerializer.Serialize(new { mean_of_users = result.Run.Users, before = result.Run.HeldOutBitsPerByteBefore })));
        return measured;
    }
}

/// <summary>What a revision's provenance says of the code that trained it.</summary>
internal static class CodeVersion
{
    public static string Now() => $"pbench {typeof(CodeVersion).Assembly.GetName().Version}, measurement {Measurement.Version}, {RunEnvironment.FindCommit() ?? "outside a repository"}";
}
