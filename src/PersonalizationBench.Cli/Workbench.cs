using PersonalizationBench.Cli.Commands;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Models;
using PersonalizationBench.Pretraining;
using PersonalizationBench.Reporting;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Studies;
using PersonalizationBench.Runner.Tuning;
using PersonalizationBench.Strategies;

namespace PersonalizationBench.Cli;

/// <summary>What the commands work with; tests put their own together.</summary>
public sealed record Workbench
{
    /// <summary>The repository: holds experiments/, datasets/ and results/.</summary>
    public required string Root { get; init; }

    public required DataFiles Files { get; init; }

    public required IReadOnlyList<IDatasetLoader> Datasets { get; init; }

    public required IBaseCatalog Bases { get; init; }

    public required IStrategyCatalog Strategies { get; init; }

    public required TextWriter Output { get; init; }

    public required TextWriter Error { get; init; }

    public required TimeProvider Clock { get; init; }

    /// <summary>Where the memory of arms is measured; null: it is not.</summary>
    public IFreshProcess? FreshProcess { get; init; }

    /// <summary>Whether a person is looking: colours, a live display, tables with lines.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>libtorch's version, asked for only when it is loaded anyway.</summary>
    public Func<string> Libtorch { get; init; } = () => "";

    public string StudiesFolder => Path.Combine(Root, "experiments");

    /// <summary>What this machine measures; no part of the repository.</summary>
    public string RunsFolder => Path.Combine(Root, "runs");

    /// <summary>What was published.</summary>
    public string ResultsFolder => Path.Combine(Root, "results");

    /// <summary>The folder that a person means by a name: a folder as given, else what this machine measured of that name, else what was published.</summary>
    public string ResultsOf(string given) => ResultFolders.Find(given, RunsFolder, ResultsFolder);

    public string BasesFolder => Path.Combine(Root, "datasets", "bases");

    public string TuningFolder => Path.Combine(RunsFolder, "tuning");

    public StudyPlanner Planner => new(Datasets, Bases, Strategies, new TuningResults([TuningFolder, Path.Combine(ResultsFolder, "tuning")]));

    public PretrainPlace Pretraining => new(Files, Root, BasesFolder, Output, Clock);

    public static Workbench OfThisMachine()
    {
        var root = FindRoot();
        var files = DataFiles.Find(root, Environment.GetEnvironmentVariable);
        return new Workbench
        {
            Root = root,
            Files = files,
            Datasets = DatasetCatalog.Loaders(files),
            Bases = new MachineBases(new BaseCatalog(Path.Combine(root, "datasets", "bases"), files.Folders.FirstOrDefault(HasWeights) ?? files.CacheFolder)),
            Strategies = new StrategyCatalog(),
            Output = Console.Out,
            Error = Console.Error,
            Clock = TimeProvider.System,
            FreshProcess = new MemoryProcess(Console.Error),
            IsTerminal = !Console.IsOutputRedirected,
            Libtorch = () => MachineBases.EngineName,
        };
    }

    private static bool HasWeights(string folder) => Directory.Exists(Path.Combine(folder, "weights", "llama2c"));

    /// <summary>The checkout around the working folder, else around the program, else the working folder.</summary>
    private static string FindRoot() =>
        Around(Environment.CurrentDirectory) ?? Around(AppContext.BaseDirectory) ?? Environment.CurrentDirectory;

    private static string? Around(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "PersonalizationBench.sln"))) return at.FullName;
        }
        return null;
    }
}
