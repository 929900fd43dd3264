using PersonalizationBench.Core;
using PersonalizationBench.Runner.Execution;
using PersonalizationBench.Runner.Progress;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Runner.Studies;

namespace PersonalizationBench.Runner.Tests.Fakes;

/// <summary>Everything that a study needs, in a folder of its own that goes with the test.</summary>
internal sealed class Bench : IDisposable
{
    public const string Complete = """
        # Hypothesis: letters are learnt.
        study: letters
        hypothesis: Letters are learnt.
        dataset: { name: letters, users: 2 }
        bases: [tiny]
        strategies:
          - type: none
          - type: majority
          - type: rag
            k: [1, 2]
          - type: lora
            rank: [2, 4]
          - type: rag
            control: wrong-user
        """;

    public Bench(Func<Dataset, Dataset>? spoil = null)
    {
        Strategies = new FakeStrategies(Clock);
        Datasets = new FakeDatasets(spoil);
        Directory.CreateDirectory(Folder);
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), "pbench-" + Path.GetRandomFileName());

    public string Results => Path.Combine(Folder, "results");

    public ManualClock Clock { get; } = new();

    public FakeBases Bases { get; } = new();

    public FakeStrategies Strategies { get; }

    public FakeDatasets Datasets { get; }

    public IFreshProcess? FreshProcess { get; init; }

    public StudyFile Read(string yaml)
    {
        var path = Path.Combine(Folder, "letters.yaml");
        File.WriteAllText(path, yaml);
        return StudyFile.Read(path);
    }

    public StudyPlan Plan(string yaml) => new StudyPlanner([Datasets], Bases, Strategies).Plan(Read(yaml));

    /// <summary>Runs a study; what is written goes through <paramref name="write"/>.</summary>
    public StudyOutcome Run(string yaml, FileWriter? write = null, IStudyObserver? observer = null, bool isFresh = false, CancellationToken cancellation = default)
    {
        var plan = Plan(yaml);
        using var store = ResultStore.Open(Results, plan, Clock, isFresh, write);
        var executor = new CellExecutor(new PhaseMeter(Clock), new HeldOut(Strategies));
        return new StudyRunner(Bases, executor, new ArmCosts(Clock, FreshProcess), Clock).Run(plan, store, observer ?? new PlainProgress(TextWriter.Null), cancellation);
    }

    public string Text(string name) => File.ReadAllText(Path.Combine(Results, name));

    /// <summary>An error of a study, less the folder's name.</summary>
    public string Error(Action act) => Assert.ThrowsAny<PbenchException>(act).Message.Replace(Folder + "/", "", StringComparison.Ordinal);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
