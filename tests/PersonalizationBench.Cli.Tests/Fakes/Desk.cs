using System.Globalization;
using PersonalizationBench.Data.Catalog;
using PersonalizationBench.Data.Own;
using PersonalizationBench.Strategies;

namespace PersonalizationBench.Cli.Tests.Fakes;

/// <summary>A workbench in a folder of its own, and what a command printed there.</summary>
internal sealed class Desk : IDisposable
{
    public const string Study = """
        study: colours
        hypothesis: Colours are remembered.
        dataset: { name: colours, users: 3 }
        bases: [tiny]
        strategies:
          - type: none
          - type: majority
          - type: oracle
          - type: majority
            control: wrong-user
        """;

    private readonly StringWriter _output = new(CultureInfo.InvariantCulture) { NewLine = "\n" };
    private readonly StringWriter _error = new(CultureInfo.InvariantCulture) { NewLine = "\n" };
    private readonly CancellationTokenSource _cancelled = new();

    public Desk()
    {
        Directory.CreateDirectory(Path.Combine(Folder, "experiments"));
        Bench = new Workbench
        {
            Root = Folder,
            Files = new DataFiles(Path.Combine(Folder, "datasets"), [Path.Combine(Folder, "cache")], Path.Combine(Folder, "cache")),
            Datasets = [new Colours(), new OwnUsersLoader()],
            Bases = new FakeBases(() =>
            {
                if (CancelsOnLoad) _cancelled.Cancel();
            }),
            Strategies = new StrategyCatalog(),
            Output = _output,
            Error = _error,
            Clock = TimeProvider.System,
        };
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), "pbench-" + Path.GetRandomFileName());

    public Workbench Bench { get; init; }

    public bool CancelsOnLoad { get; set; }

    public string Output => Shown(_output);

    public string Error => Shown(_error);

    public string Write(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>The exit code.</summary>
    public Task<int> Run(params string[] arguments) => PbenchApp.RunAsync(arguments, Bench, _cancelled.Token);

    public void Dispose()
    {
        _cancelled.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private string Shown(StringWriter writer) => writer.ToString().Replace(Folder + "/", "", StringComparison.Ordinal);
}
