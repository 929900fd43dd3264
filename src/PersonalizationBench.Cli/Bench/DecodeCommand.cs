using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Reporting.Benchmarks;
using PersonalizationBench.Reporting.Charts;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench decode</c>: a token's time and memory as the context grows.</summary>
internal static class DecodeCommand
{
    private static readonly Option<int> s_longest = new("--longest") { Description = "Longest context, a power of four times 64", DefaultValueFactory = _ => 16384 };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds over all contexts, the architectures in turn", DefaultValueFactory = _ => 7 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/decode of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var decode = new Command("decode", "Time one further token as the context grows, transformer against Mamba-2") { s_longest, s_rounds, s_output };
        decode.SetAction((parse, cancellation) =>
        {
            var workbench = bench ?? Workbench.OfThisMachine();
            var started = workbench.Clock.GetUtcNow();
            var (longest, rounds) = (parse.GetValue(s_longest), parse.GetValue(s_rounds));
            if (longest < 64) throw new PbenchException($"--longest: expected at least 64, not {longest}");
            if (rounds < 1) throw new PbenchException($"--rounds: expected at least 1, not {rounds}");
            var records = DecodeBenchmark.Measure(longest, rounds, workbench.Clock, cancellation);
            var folder = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "decode");
            BenchFolder.Write(folder, "decode.csv", records, "pbench bench decode", new JsonObject { ["longest"] = longest, ["rounds"] = rounds }, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(folder, "README.md"), DecodePage.Of(records, DecodeBenchmark.TokensPerRound));
            BenchFigures.Write(folder, PictureFormat.Svg);
            workbench.Output.Write(DecodePage.Table(records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(folder)}");
            return Task.FromResult(0);
        });
        return decode;
    }
}
