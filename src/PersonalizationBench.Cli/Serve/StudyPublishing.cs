using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Models;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Shared;

namespace PersonalizationBench.Cli.Serve;

/// <summary><c>publish:</c> of a study: what its cells trained goes from the runner to serving's publisher.</summary>
internal sealed class StudyPublishing : IPersonalModelsSink, IDisposable
{
    private const string Key = "publish";

    private readonly Workbench _bench;
    private readonly PublishSpec _spec;
    private readonly string _owner;
    private readonly IReadOnlyList<Cell> _cells;
    private readonly StudyPublisher _publisher;

    private StudyPublishing(Workbench bench, StudyPlan plan, PublishSpec spec)
    {
        (_bench, _spec, _owner, _cells) = (bench, spec, Owner(plan, spec), Published(plan, spec));
        var registry = RegistryDatabase.Open(spec.Registry, BlobStores.Open(spec.Blobs, bench.Clock), bench.Clock);
        _publisher = new StudyPublisher(registry, plan.Name, _owner, spec.Pointer, RunEnvironment.CodeVersion(), [.. _cells.Select(Named)]);
    }

    /// <summary>Null where the study publishes nothing. The registry is made where it is missing.</summary>
    public static StudyPublishing? Open(Workbench bench, StudyPlan plan) => plan.File.Spec.Publish is { } spec ? new StudyPublishing(bench, plan, spec) : null;

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
        _publisher.Take(Named(cell), (LoadedBase)baseModel, trained, cell.Dataset.Data.Users, result.Run, result.Probes);
    }

    /// <summary>How many there were, and a warning where cells that were measured before <c>publish:</c> was asked for have left none.</summary>
    /// <param name="measuredBefore">Cells that were not measured now.</param>
    public void Say(IReadOnlyList<Cell> measuredBefore)
    {
        if (_publisher.Added + _publisher.Known > 0) _bench.Output.WriteLine(FormattableString.Invariant($"published: {_publisher.Added} adapters of {_owner}; {_publisher.Known} were there already"));
        var keys = measuredBefore.Select(c => c.Key).ToHashSet(StringComparer.Ordinal);
        var absent = _cells.Where(c => keys.Contains(c.Key)).Sum(c => _publisher.CountAbsent(Named(c), c.Dataset.Data.Users));
        if (absent > 0) _bench.Error.WriteLine($"pbench: warning: {absent} adapters of cells measured before are not in {_spec.Registry}; --fresh measures them anew and publishes them");
    }

    public void Dispose() => _publisher.Dispose();

    private static PublishedCell Named(Cell cell) => new(
        cell.Key, cell.Base.Name, cell.Base.Digest, cell.Dataset.Label, cell.Dataset.Data.Digest, cell.Strategy.Type, cell.Strategy.Settings, cell.Strategy.Label, cell.Seed);

    private static string Owner(StudyPlan plan, PublishSpec spec) => spec.Owner ?? plan.Name;

    private static List<Cell> Published(StudyPlan plan, PublishSpec spec) =>
        [.. plan.Cells.Where(c => c.Strategy.Control.Length == 0 && TrainsAdapters(c.Strategy) && (spec.Strategies is null || spec.Strategies.Contains(c.Strategy.Type)))];

    private static bool TrainsAdapters(PlannedStrategy strategy) => strategy.Options is AdapterSettings;
}
