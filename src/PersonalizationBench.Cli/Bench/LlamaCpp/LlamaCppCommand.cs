using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using PersonalizationBench.Core;
using TorchSharp;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench llama-cpp BASE --server PROGRAM</c>: many users' adapters on one base, here and in llama.cpp's server.</summary>
internal static class LlamaCppCommand
{
    private const string Csv = "llama-cpp.csv";

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
            var folder = Directory.CreateTempSubdirectory("pbench-llama-cpp-").FullName;
            try
            {
                var result = await new LlamaCppComparison(workbench, llama, name, folder, options).RunAsync(cancellation);
                var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "llama-cpp");
                BenchFolder.Write(results, Csv, result.Records, $"pbench bench llama-cpp {name} --server llama-server", Settings(result), started, torch.__version__);
                AtomicFile.WriteText(Path.Combine(results, "README.md"), Page(name, result));
                workbench.Output.Write(Table(result.Records));
                workbench.Output.WriteLine($"written: {Workbench.Shown(results)}");
                if (result.Base.Holds && result.Adapters.Holds) return 0;
                workbench.Error.WriteLine("the two do not answer alike: what was timed is not the same work");
                return 1;
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
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

    internal static string Page(string name, LlamaCppResult result)
    {
        var first = result.Records[0];
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Many users' adapters, here and in llama.cpp

            Made by `./bench bench llama-cpp {name} --server llama-server` on {BenchFolder.Processor()}, {first.Threads} threads: `pbench serve` ({first.OursPrecision})
            and llama.cpp's server ({first.TheirsVersion}; {first.TheirsVariant}, the fastest of {LlamaVariant.All.Count} ways that were tried), each a process
            of its own, asked over HTTP for whole greedy answers: {first.Concurrency} requests at a time, {first.Prompt} tokens read (never the same twice, so no
            prompt is found in a cache), {first.Answer} written, adapters of rank {first.Rank} in all modules, the same values in both, each asked for by the request.
            Tokens a second are medians over {first.Rounds} rounds of {first.Seconds} s in which the two take turns, the rounds' range in brackets; *ratio* is ours over
            theirs in the same round, *of the base* a server's own speed over that of its base alone. Some answers end before their last token:
            both servers stop there, and only what was written counts.

            {Table(result.Records)}
            llama.cpp takes requests into one batch only where they have the same adapter; those of others wait meanwhile.

            That both do the same work: after the same beginning, llama.cpp says the same next token as our engine in {Shown(result.Base)} of the base's answers
            and in {Shown(result.Adapters)} of adapters' answers, of which {result.Adapters.ToldApart} of {result.Adapters.Answers} are not the base's.

            llama.cpp is not kept here. It is built, and this made again, by:

            ```sh
            {LlamaServer.HowToBuild}
            ```

            """);
    }

    internal static string Table(IReadOnlyList<LlamaCppRecord> records)
    {
        var table = new StringBuilder("| different adapters | ours, tokens/s | llama.cpp, tokens/s | ratio | ours, of the base | llama.cpp, of the base | tokens of an answer, ours / llama.cpp |\n|---:|---|---|---|---:|---:|---|\n");
        foreach (var r in records)
            table.Append(CultureInfo.InvariantCulture, $"| {(r.Distinct == 0 ? "base alone" : r.Distinct)} | {r.OursTokensPerSecond:0} [{r.OursTokensPerSecondMin:0}, {r.OursTokensPerSecondMax:0}] | {r.TheirsTokensPerSecond:0} [{r.TheirsTokensPerSecondMin:0}, {r.TheirsTokensPerSecondMax:0}] | {r.Ratio:0.00} [{r.RatioMin:0.00}, {r.RatioMax:0.00}] | {r.OursOfBase:0.00} | {r.TheirsOfBase:0.00} | {r.OursAnswerTokens:0.0} / {r.TheirsAnswerTokens:0.0} |\n");
        return table.ToString();
    }

    private static string Shown(LlamaAgreement agreement) => string.Create(CultureInfo.InvariantCulture, $"{100 * agreement.Share:0.0} % of {agreement.Tokens} tokens");
}
