using System.Diagnostics;
using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;
using TorchSharp;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench engines</c>: the engine before TorchSharp, TorchSharp by operators and TorchSharp with kernels, in one run.</summary>
internal static class EnginesCommand
{
    private const string Driver = "engine-driver", Csv = "engines.csv", OldCommit = "7ae483d";

    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Timed turns of each engine in each row", DefaultValueFactory = _ => 3 };
    private static readonly Option<double> s_seconds = new("--seconds") { Description = "Seconds that a turn should take", DefaultValueFactory = _ => 0.5 };
    private static readonly Option<int> s_studies = new("--studies") { Description = "Whole studies with each engine; 0: none", DefaultValueFactory = _ => 1 };
    private static readonly Option<string> s_study = new("--study") { Description = "The study", DefaultValueFactory = _ => "experiments/engines/study.yaml" };
    private static readonly Option<string[]> s_only = new("--only") { Description = $"Workloads: {string.Join(", ", EngineRow.All.Select(r => r.Workload).Distinct())}, study", AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int?> s_threads = new("--threads") { Description = "Threads of every engine (default: all cores)" };
    private static readonly Option<bool> s_quick = new("--quick") { Description = "One short round, neither the study nor the larger model, goals not asked for: whether it works, not how fast it is" };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/engines of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var engines = new Command("engines", "Time the engine before TorchSharp, TorchSharp by operators, and with kernels") { s_rounds, s_seconds, s_studies, s_study, s_only, s_threads, s_quick, s_output };
        engines.SetAction((parse, cancellation) => Task.FromResult(Run(parse, bench ?? Workbench.OfThisMachine(), cancellation)));
        return engines;
    }

    /// <summary>One engine's side of it, driven by standard input; not for people.</summary>
    public static Command CreateDriver(Workbench? bench = null)
    {
        var driver = new Command(Driver, "Times what it is asked to") { Hidden = true };
        driver.SetAction(_ =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            using var folder = new ScratchFolder("engine");
            using var engine = new EngineDriver(workbench.Bases, folder.Path);
            engine.Serve(workbench.Libtorch(), torch.get_num_threads(), Console.In, workbench.Output);
        });
        return driver;
    }

    private static int Run(ParseResult parse, Workbench bench, CancellationToken cancellation)
    {
        var started = bench.Clock.GetUtcNow();
        var (isQuick, options) = (parse.GetValue(s_quick), Options(parse, bench));
        BuildOld(bench);
        var records = new List<EngineRecord>();
        foreach (var record in new EnginesBenchmark(EngineSide.All(bench.Root, ThisProgram.Command, ["bench", Driver], options.Threads), options).Run(cancellation))
        {
            records.Add(record);
            bench.Output.WriteLine(EnginesPage.Line(record));
        }

        var folder = parse.GetValue(s_output) ?? Path.Combine(bench.ResultsFolder, "engines");
        var settings = new JsonObject { ["rounds"] = options.Rounds, ["seconds"] = options.Seconds, ["studies"] = options.StudyRounds, ["old"] = OldCommit };
        BenchFolder.Write(folder, Csv, records, "pbench bench engines", settings, started, bench.Libtorch());
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), EnginesPage.Of(records, OldCommit));
        BenchFigures.Write(folder, PictureFormat.Svg);
        foreach (var verdict in EnginesPage.Verdicts(records)) bench.Output.WriteLine(verdict);
        bench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
        return EnginesPage.Agrees(records) && (isQuick || EnginesPage.MeetsGoals(records)) ? 0 : 1;
    }

    private static EnginesOptions Options(ParseResult parse, Workbench bench)
    {
        var isQuick = parse.GetValue(s_quick);
        var workloads = EngineRow.All.Select(r => r.Workload).Append(EngineWorkloads.Study).Distinct().ToList();
        var only = parse.GetValue(s_only) is { Length: > 0 } given ? given : [.. workloads];
        if (only.Except(workloads).FirstOrDefault() is { } unknown) throw new PbenchException($"{s_only.Name}: '{unknown}' is unknown; expected {string.Join(", ", workloads)}");
        var study = Path.GetFullPath(Path.Combine(bench.Root, parse.GetRequiredValue(s_study)));
        if (!File.Exists(study)) throw new PbenchException($"{s_study.Name}: {study} is not there");
        return new EnginesOptions(
            Rounds: isQuick ? 1 : AtLeast(parse.GetValue(s_rounds), 1, s_rounds.Name),
            Seconds: isQuick ? 0 : parse.GetValue(s_seconds),
            StudyRounds: isQuick || !only.Contains(EngineWorkloads.Study) ? 0 : AtLeast(parse.GetValue(s_studies), 0, s_studies.Name),
            study,
            AtLeast(parse.GetValue(s_threads) ?? Environment.ProcessorCount, 1, s_threads.Name),
            [.. EngineRow.All.Where(r => only.Contains(r.Workload) && !(isQuick && r.Model == "5M"))]);
    }

    /// <summary>The old engine in its folder, where it is not there already; what it says goes to the terminal.</summary>
    private static void BuildOld(Workbench bench)
    {
        var script = Path.Combine(bench.StudiesFolder, "engines", "old.sh");
        using var process = Process.Start(new ProcessStartInfo("bash", [script]))!;
        process.WaitForExit();
        if (process.ExitCode != 0) throw new PbenchException($"{script}: the old engine could not be built");
    }

    private static int AtLeast(int value, int least, string name) => value >= least ? value : throw new PbenchException($"{name}: expected at least {least}, not {value}");
}
