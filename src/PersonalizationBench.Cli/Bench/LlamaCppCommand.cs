using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench llama-cpp BASE --server PROGRAM</c>: many users' adapters on one base, here and in llama.cpp's server.</summary>
internal static class LlamaCppCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A Llama by name or path" };
    private static readonly Option<string> s_server = new("--server") { Description = $"llama.cpp's llama-server, built aside:\n{LlamaServer.HowToBuild}", Required = true };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds over all numbers of adapters, ours and theirs in turn, after one that warms up", DefaultValueFactory = _ => 5 };
    private static readonly Option<double> s_seconds = new("--seconds") { Description = "That each is measured in a round", DefaultValueFactory = _ => 20 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/llama-cpp of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("llama-cpp", "Time users' adapters against llama.cpp's server over HTTP, on the same weights") { s_base, s_server, s_rounds, s_seconds, s_output };
        command.SetAction(async (parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var (started, name) = (workbench.Clock.GetUtcNow(), parse.GetRequiredValue(s_base));
            var options = new LlamaCppOptions(parse.GetValue(s_rounds), parse.GetValue(s_seconds));
            if (options.Rounds < 1) throw new PbenchException(FormattableString.Invariant($"--rounds: expected at least 1, not {options.Rounds}"));
            if (options.Seconds is not (> 0 and < 3600)) throw new PbenchException(FormattableString.Invariant($"--seconds: expected more than 0 and less than 3600, not {options.Seconds}"));
            var llama = LlamaServer.Find(parse.GetRequiredValue(s_server));
            workbench.Output.WriteLine($"llama.cpp {llama.Version()}");
            using var folder = new ScratchFolder("llama-cpp");
            var result = await new LlamaCppComparison(workbench.Bases, workbench.Clock, line => workbench.Output.WriteLine(line), PbenchApp.Program, llama, name, folder.Path, options).RunAsync(cancellation);
            var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "llama-cpp");
            BenchFolder.Write(results, "llama-cpp.csv", result.Records, $"pbench bench llama-cpp {name} --server llama-server", Settings(result), started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(results, "README.md"), LlamaCppPage.Of(name, result));
            workbench.Output.Write(LlamaCppPage.Table(result.Records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(results)}");
            if (result.Base.Holds && result.Adapters.Holds) return 0;
            workbench.Error.WriteLine("the two do not answer alike: what was timed is not the same work");
            return 1;
        });
        return command;
    }

    private static JsonObject Settings(LlamaCppResult result) => new()
    {
        ["server"] = "llama-server",
        ["server_version"] = result.Records[0].TheirsVersion,
        ["server_variant"] = result.Records[0].TheirsVariant,
        ["rounds"] = result.Records[0].Rounds,
        ["seconds"] = result.Records[0].Seconds,
        ["agreement"] = new JsonObject { ["base"] = Agreement(result.Base), ["adapters"] = Agreement(result.Adapters) },
    };

    private static JsonObject Agreement(LlamaAgreement agreement) => new()
    {
        ["answers"] = agreement.Answers,
        ["tokens"] = agreement.Tokens,
        ["same"] = agreement.Same,
        ["told_apart"] = agreement.ToldApart,
    };
}
