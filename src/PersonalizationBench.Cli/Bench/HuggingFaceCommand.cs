using System.Text.Json.Nodes;
using PersonalizationBench.Benchmarks;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Reporting.Benchmarks;

namespace PersonalizationBench.Cli.Bench;

/// <summary><c>pbench bench hugging-face BASE</c>: training and answering here and in transformers with peft, on a CPU or a GPU.</summary>
internal static class HuggingFaceCommand
{
    private static readonly Argument<string> s_base = new("BASE") { Description = "A Llama in a folder of Hugging Face's layout, by name or path" };
    private static readonly Option<string> s_device = new("--device") { Description = "auto, cpu or cuda", DefaultValueFactory = _ => "auto" };
    private static readonly Option<Precision> s_precision = new("--precision") { Description = "auto, float32 or bfloat16", DefaultValueFactory = _ => Precision.Auto };
    private static readonly Option<int> s_users = new("--users") { Description = "Adapters trained together, and sequences of the batch that answers", DefaultValueFactory = _ => 64 };
    private static readonly Option<int> s_steps = new("--steps") { Description = "Steps of every user", DefaultValueFactory = _ => 16 };
    private static readonly Option<int> s_pairs = new("--pairs") { Description = "Interleaved pairs per row", DefaultValueFactory = _ => 3 };
    private static readonly Option<int> s_prompt = new("--prompt") { Description = "Tokens of a prompt", DefaultValueFactory = _ => 128 };
    private static readonly Option<int> s_tokens = new("--tokens") { Description = "Tokens of an answer", DefaultValueFactory = _ => 64 };
    private static readonly Option<int> s_rank = new("--rank") { Description = "Of the adapters, in all modules", DefaultValueFactory = _ => 8 };
    private static readonly Option<string?> s_python = new("--python") { Description = "A Python that has PyTorch, transformers and peft (default: PBENCH_PYTHON, /usr/bin/python3, python3)" };
    private static readonly Option<string?> s_output = new("--output") { Description = "Where the results go (default: results/hugging-face of the repository)" };

    public static Command Create(Workbench? bench = null)
    {
        var command = new Command("hugging-face", "Time training and answering against transformers and peft, on a CPU or a GPU") { s_base, s_device, s_precision, s_users, s_steps, s_pairs, s_prompt, s_tokens, s_rank, s_python, s_output };
        command.SetAction((parse, cancellation) => Task.FromResult(Run(parse, bench ?? Workbench.OfThisMachine(), cancellation)));
        return command;
    }

    private static int Run(ParseResult parse, Workbench bench, CancellationToken cancellation)
    {
        var (started, name) = (bench.Clock.GetUtcNow(), parse.GetRequiredValue(s_base));
        var options = new HuggingFaceOptions(AtLeastOne(s_users), AtLeastOne(s_steps), AtLeastOne(s_pairs), AtLeastOne(s_prompt), AtLeastOne(s_tokens), AtLeastOne(s_rank));
        var folder = new[] { Path.GetFullPath(name), Path.Combine(bench.BasesFolder, name) }.FirstOrDefault(f => File.Exists(Path.Combine(f, "config.json")))
            ?? throw new PbenchException($"{name}: expected a folder with config.json, as transformers reads it, or the name of one in {ShownPath.Of(bench.BasesFolder)}");
        var device = MachineBases.Resolve(parse.GetRequiredValue(s_device));
        var python = PeerProcess.FindPython(parse.GetValue(s_python), "numpy, torch, transformers, peft, safetensors", "python3 -m pip install torch transformers peft");
        using var work = new ScratchFolder("hugging-face");
        var records = new HuggingFaceComparison(bench.Bases, python, name, folder, device, parse.GetValue(s_precision), options).Run(work.Path, r => bench.Output.WriteLine(HuggingFacePage.Line(r)), cancellation);
        var results = parse.GetValue(s_output) ?? Path.Combine(bench.ResultsFolder, "hugging-face");
        var settings = new JsonObject { ["users"] = options.Users, ["steps"] = options.Steps, ["prompt"] = options.Prompt, ["tokens"] = options.NewTokens, ["script"] = Digest.OfFile(PeerProcess.Script(HuggingFaceComparison.ScriptName)) };
        BenchFolder.Write(results, "hugging-face.csv", records, $"pbench bench hugging-face {name} --device {device}", settings, started, bench.Libtorch());
        AtomicFile.WriteText(Path.Combine(results, "README.md"), HuggingFacePage.Of(name, new HuggingFaceSettings(options.Users, options.Steps, HuggingFaceOptions.BatchSequences, options.Prompt, options.NewTokens), records));
        bench.Output.WriteLine($"written: {ShownPath.Of(results)}");
        foreach (var record in records.Where(r => !r.Holds())) bench.Error.WriteLine($"{(record.Agrees() ? "slower than wanted" : "the two do not do the same work")}: {HuggingFacePage.Line(record)}");
        return records.All(r => r.Holds()) ? 0 : 1;

        int AtLeastOne(Option<int> option) => parse.GetValue(option) is >= 1 and var value ? value : throw new PbenchException($"{option.Name}: expected at least 1, not {parse.GetValue(option)}");
    }
}
