using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench peers</c>: the training step against PyTorch's, and many users in one bank against one by one.</summary>
internal static class PeersCommand
{
    private static readonly Option<string?> s_python = new("--python") { Description = "A Python that has PyTorch (default: PBENCH_PYTHON, /usr/bin/python3, python3)" };
    private static readonly Option<int> s_pairs = new("--pairs") { Description = "Interleaved pairs per row", DefaultValueFactory = _ => 7 };
    private static readonly Option<double> s_seconds = new("--seconds") { Description = "Seconds that each half of a pair should take", DefaultValueFactory = _ => 1.5 };
    private static readonly Option<int[]> s_threads = new("--threads") { Description = "Numbers of threads", DefaultValueFactory = _ => [1, 2], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<string[]> s_models = new("--models") { Description = $"Models: {string.Join(", ", TrainingWorkload.All.Select(w => w.Name))}", DefaultValueFactory = _ => [.. TrainingWorkload.All.Select(w => w.Name)], AllowMultipleArgumentsPerToken = true };
    private static readonly Option<int> s_users = new("--users") { Description = "Users adapted in one bank", DefaultValueFactory = _ => 32 };
    private static readonly Option<int> s_steps = new("--steps") { Description = "Steps of every user", DefaultValueFactory = _ => 8 };
    private static readonly Option<string?> s_only = new("--only") { Description = "training-step or many-users" };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/peers of the repository)" };

    /// <summary>The command group <c>bench</c> with <c>peers</c> in it.</summary>
    /// <param name="bench">null: this machine's, put together when the command runs.</param>
    public static Command Create(Workbench? bench = null)
    {
        var peers = new Command("peers", "Time the training step against Python's PyTorch, and many users at once against one by one")
        {
            s_python, s_pairs, s_seconds, s_threads, s_models, s_users, s_steps, s_only, s_output,
        };
        peers.SetAction((parse, cancellation) => Task.FromResult(Run(parse, bench ?? Workbench.OfThisMachine(), cancellation)));
        return new Command("bench", "Measure this program against others") { peers, DecodeCommand.Create(bench), MemoryCommand.Create(bench), CostsCommand.Create(bench), DecodePeerCommand.Create(bench), PrefixesCommand.Create(bench), ServingBenchCommand.Create(bench), LlamaCppCommand.Create(bench), HuggingFaceCommand.Create(bench), AdaptBenchCommand.Create(bench), SoakCommand.Create(bench), CrashCommand.Create(bench), RollbackCommand.Create(bench), EnginesCommand.Create(bench), EnginesCommand.CreateDriver(bench), KernelsCommand.Create(bench), KernelsCommand.CreateTimes(bench), StatisticsCommand.Create(bench) };
    }

    private static int Run(ParseResult parse, Workbench bench, CancellationToken cancellation)
    {
        var started = bench.Clock.GetUtcNow();
        var pairing = new PairingOptions(AtLeast(parse, s_pairs, 1), parse.GetValue(s_seconds));
        var models = parse.GetRequiredValue(s_models).Select(FindModel).ToList();
        var threads = parse.GetRequiredValue(s_threads).Where(t => t <= Environment.ProcessorCount).ToList();
        if (threads.Count == 0) throw new PbenchException($"--threads: this machine has {Environment.ProcessorCount} cores");
        var only = parse.GetValue(s_only);
        if (only is not (null or PeerRecord.TrainingStep or PeerRecord.ManyUsers)) throw new PbenchException($"--only: expected {PeerRecord.TrainingStep} or {PeerRecord.ManyUsers}, not '{only}'");
        var python = PeerProcess.FindPython(parse.GetValue(s_python));

        using var folder = new ScratchFolder("peers");
        var options = new PeersOptions(models, threads, pairing, AtLeast(parse, s_users, 1), AtLeast(parse, s_steps, 1), only);
        var records = new List<PeerRecord>();
        foreach (var record in new PeersBenchmark(bench.Bases, python, folder.Path).Run(options, cancellation))
        {
            records.Add(record);
            bench.Output.WriteLine(PeersReport.Line(record));
        }

        var results = parse.GetValue(s_output) ?? Path.Combine(bench.ResultsFolder, "peers");
        PeersReport.Write(results, records, Settings(), started);
        foreach (var line in PeersReport.Verdicts(records)) bench.Output.WriteLine(line);
        bench.Output.WriteLine($"written: {ShownPath.Of(results)}");
        return records.All(r => r.Holds()) ? 0 : 1;

        JsonObject Settings() => new()
        {
            ["pairs"] = pairing.Pairs,
            ["seconds"] = pairing.SecondsPerTurn,
            ["python"] = python,
            ["scripts"] = new JsonObject { [TrainingStepComparison.ScriptName] = Digest.OfFile(PeerProcess.Script(TrainingStepComparison.ScriptName)), [ManyUsersComparison.ScriptName] = Digest.OfFile(PeerProcess.Script(ManyUsersComparison.ScriptName)) },
        };
    }

    private static int AtLeast(ParseResult parse, Option<int> option, int least)
    {
        var value = parse.GetValue(option);
        return value >= least ? value : throw new PbenchException($"{option.Name}: expected at least {least}, not {value}");
    }

    private static TrainingWorkload FindModel(string name) =>
        TrainingWorkload.All.FirstOrDefault(w => w.Name == name) ?? throw new PbenchException($"--models: '{name}' is unknown; expected {string.Join(", ", TrainingWorkload.All.Select(w => w.Name))}");
}
