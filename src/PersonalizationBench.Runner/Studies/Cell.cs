using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using PersonalizationBench.Runner.Tuning;

namespace PersonalizationBench.Runner.Studies;

/// <summary>A dataset of the study, loaded.</summary>
/// <param name="Label">Its name, with the settings that vary where there are several.</param>
public sealed record PlannedDataset(string Label, JsonObject Settings, Dataset Data);

/// <summary>A strategy with all its settings resolved.</summary>
/// <param name="Label">For figures: the type and the settings that vary.</param>
/// <param name="Control">Empty or <see cref="WrongUser"/>.</param>
/// <param name="Settings">As canonical JSON.</param>
/// <param name="IsTrained">Its answers depend on the seed.</param>
/// <param name="SeesEvidence">Its questions carry the gold evidence.</param>
/// <param name="Line">Where the study file names it.</param>
/// <param name="Bases">Names of the study's bases that it runs on.</param>
/// <param name="Create">A new instance, wrapped where it is a control.</param>
public sealed record PlannedStrategy(StrategyDescriptor Descriptor, object Options, string Label, string Control, string Settings, bool IsTrained, bool SeesEvidence, int Line, IReadOnlyList<string> Bases, Func<IStrategy> Create)
{
    public const string WrongUser = "wrong-user";

    /// <summary>A control that is not trained runs with so many seeds, each of which gives users another's history.</summary>
    private const int Rotations = 3;

    /// <summary>How its settings were chosen; null: they stand in the file.</summary>
    public Tuned? Tuned { get; init; }

    public string Type => Descriptor.Type;

    /// <summary>The seeds of a study that it runs with.</summary>
    public IEnumerable<long> SeedsOf(IReadOnlyList<long> all) => IsTrained ? all : all.Take(Control.Length == 0 ? 1 : Rotations);

    public bool Runs(BaseInfo on) => Bases.Contains(on.Name);

    /// <summary>The label and, for a control, what is wrong about it.</summary>
    public string FullLabel => Control.Length == 0 ? Label : $"{Label} ({Control})";
}

/// <summary>One point of the study's grid.</summary>
/// <param name="Key">SHA-256 of all that may change its result: what makes two cells the same cell.</param>
public sealed record Cell(string Key, BaseInfo Base, PlannedDataset Dataset, PlannedStrategy Strategy, long Seed, Precision Precision, string Device)
{
    /// <summary>For progress and errors: label and, where it matters, the seed.</summary>
    public string Name => Strategy.IsTrained || Strategy.Control.Length > 0 ? $"{Strategy.FullLabel} seed={Seed}" : Strategy.FullLabel;

    /// <summary>The key of a cell. Names and labels are no part of it, precision and device are as the study gives them:
    /// what <c>auto</c> chose, and which kernels and how many threads on which processor, is in the record.</summary>
    public static string KeyOf(string engine, BaseInfo baseInfo, Dataset dataset, PlannedStrategy strategy, long seed, Precision precision, string device) =>
        Digest.Of(CanonicalJson.Write(new JsonObject
        {
            ["base"] = baseInfo.Digest,
            ["control"] = strategy.Control,
            ["dataset"] = dataset.Digest,
            ["device"] = device,
            ["engine"] = engine,
            ["measurement"] = Measurement.Version,
            ["precision"] = precision.ToString().ToLowerInvariant(),
            ["seed"] = seed,
            ["settings"] = JsonNode.Parse(strategy.Settings),
            ["strategy"] = strategy.Type,
        }));
}

/// <summary>A study resolved: what would run, in the order of the grid (base, dataset, strategy, seed).</summary>
public sealed record StudyPlan(StudyFile File, IReadOnlyList<BaseInfo> Bases, IReadOnlyList<PlannedDataset> Datasets, IReadOnlyList<PlannedStrategy> Strategies, IReadOnlyList<Cell> Cells)
{
    public string Name => File.Spec.Study;

    /// <summary>What is tried to choose settings by; empty where the study tunes nothing.</summary>
    public IReadOnlyList<TuningFamily> Families { get; init; } = [];

    /// <summary>Whether its cells are those families' configurations on tuning users.</summary>
    public bool IsTuning { get; init; }
}
