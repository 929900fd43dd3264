using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Kernels;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench decode-peer BASE...</c>: greedy decoding here and by llama.cpp in the same process.</summary>
internal static class DecodePeerCommand
{
    private static readonly Argument<string[]> s_bases = new("BASE") { Description = $"Plain Llamas by name or path; '{DecodePeer.Drawn}': one of that size with drawn weights", Arity = ArgumentArity.OneOrMore };
    private static readonly Option<int> s_rounds = new("--rounds") { Description = "Rounds, ours and theirs in turn, after one that warms up", DefaultValueFactory = _ => 5 };
    private static readonly Option<int> s_prompt = new("--prompt") { Description = "Tokens of a prompt", DefaultValueFactory = _ => 128 };
    private static readonly Option<int> s_answer = new("--answer") { Description = "Tokens of an answer", DefaultValueFactory = _ => 64 };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/decode-peer of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("decode-peer", "Time decoding against llama.cpp in the same process, on the same weights in f32") { s_bases, s_rounds, s_prompt, s_answer, s_output };
        command.SetAction((parse, cancellation) =>
        {
            if (bench is null && WithTheirWaits(parse) is { } status) return Task.FromResult(status);
            var workbench = bench ?? Workbench.OfThisMachine();
            var (started, names) = (workbench.Clock.GetUtcNow(), parse.GetRequiredValue(s_bases));
            var options = new DecodePeerOptions(parse.GetValue(s_rounds), parse.GetValue(s_prompt), parse.GetValue(s_answer));
            foreach (var (option, value, least) in new[] { (s_rounds, options.Rounds, 1), (s_prompt, options.Prompt, 1), (s_answer, options.Answer, 2) })
                if (value < least) throw new PbenchException(FormattableString.Invariant($"{option.Name}: expected at least {least}, not {value}"));
            List<DecodePeerRecord> records = [];
            foreach (var name in names)
            {
                using var folder = new ScratchFolder("decode-peer");
                using var loaded = DecodePeer.Load(workbench.Bases, name);
                records.AddRange(DecodePeer.Measure(loaded, folder.Path, options, workbench.Clock, cancellation));
            }
            var results = parse.GetValue(s_output) ?? Path.Combine(workbench.ResultsFolder, "decode-peer");
            var settings = new JsonObject { ["rounds"] = options.Rounds, ["prompt"] = options.Prompt, ["answer"] = options.Answer };
            BenchFolder.Write(results, "decode-peer.csv", records, $"pbench bench decode-peer {string.Join(' ', names)}", settings, started, workbench.Libtorch());
            AtomicFile.WriteText(Path.Combine(results, "README.md"), DecodePeerPage.Of(records));
            workbench.Output.Write(DecodePeerPage.Table(records));
            workbench.Output.WriteLine($"written: {ShownPath.Of(results)}");
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>
    /// Both use one OpenMP, whose threads this program has sleep at once. llama.cpp, which meets hundreds of times a token, is made for
    /// libgomp's own default, three hundred thousand looks before sleeping, and loses by sleeping a third of its speed and more: it gets that, by
    /// the same command in a process that was started so.
    /// </summary>
    /// <returns>That process's exit status; null where this one is it, or one thread has nobody to wait for.</returns>
    private static int? WithTheirWaits(ParseResult parse) => Engine.Threads == 1 || Environment.GetEnvironmentVariable(Engine.SpinVariable) is not null
        ? null
        : ThisProgram.Run(parse.Tokens.Select(t => t.Value), new Dictionary<string, string> { [Engine.SpinVariable] = "300000" });
}
