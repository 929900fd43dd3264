using System.CommandLine;
using PersonalizationBench.Core;
using PersonalizationBench.Models;

namespace PersonalizationBench.Cli.Commands;

/// <summary><c>pbench generate BASE</c>: what a base says by itself.</summary>
internal static class GenerateCommand
{
    public static Command Create(Workbench bench)
    {
        var name = new Argument<string>("BASE") { Description = "A base by name or path" };
        var greedy = new Option<bool>("--greedy") { Description = "Take the likeliest token each time; the only way there is, and needed so that nobody expects another" };
        var tokens = new Option<int>("--tokens") { Description = "Most tokens to generate", DefaultValueFactory = _ => 100 };
        var prompt = new Option<string>("--prompt") { Description = "The text to go on from", DefaultValueFactory = _ => "" };
        var precision = new Option<Precision>("--precision") { Description = "auto, float32 or bfloat16", DefaultValueFactory = _ => Precision.Auto };
        var device = new Option<string>("--device") { Description = "auto, cpu or cuda", DefaultValueFactory = _ => "auto" };
        device.AcceptOnlyFromAmong("auto", "cpu", "cuda");
        var command = new Command("generate", "Let a base go on from a text") { name, greedy, tokens, prompt, precision, device };
        command.SetAction((parse, cancellation) =>
        {
            if (!parse.GetValue(greedy)) throw new PbenchException("generate: expected --greedy: there is no sampling");
            if (parse.GetValue(tokens) < 1) throw new PbenchException($"--tokens: expected at least 1, found {parse.GetValue(tokens)}");
            using var loaded = bench.Bases.Load(parse.GetRequiredValue(name), parse.GetValue(precision), parse.GetRequiredValue(device));
            Generate(bench, loaded, parse.GetRequiredValue(prompt), parse.GetValue(tokens), cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>Prints the prompt and what follows it, as it is: a line feed is added for a terminal only.</summary>
    private static void Generate(Workbench bench, IBaseModel loaded, string prompt, int tokens, CancellationToken cancellation)
    {
        var tokenizer = loaded.Tokenizer;
        var read = TextEncoding.Prompt(tokenizer, prompt);
        var request = new GenerationRequest(read, tokens) { StopIds = [tokenizer.BeginOfText, tokenizer.EndOfText] };
        var generated = loaded.Generate([request], CostMeter.Unread(), cancellation)[0].Tokens;
        bench.Output.Write(tokenizer.Decode([.. read, .. generated]));
        if (bench.IsTerminal) bench.Output.WriteLine();
        bench.Output.Flush();
    }
}
