using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers.ChatTemplates;

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
        var chat = new Option<bool>("--chat") { Description = "The prompt is what a user says: the base's chat template is put around it, and the answer alone is printed" };
        var precision = new Option<Precision>("--precision") { Description = "auto, float32 or bfloat16", DefaultValueFactory = _ => Precision.Auto };
        var device = new Option<string>("--device") { Description = "auto, cpu or cuda", DefaultValueFactory = _ => "auto" };
        device.AcceptOnlyFromAmong("auto", "cpu", "cuda");
        var adapter = new Option<string?>("--adapter") { Description = "A LoRA adapter's folder, as PEFT saves it, to put on the base: DoRA, embeddings, whole modules and all" };
        var command = new Command("generate", "Let a base go on from a text") { name, greedy, tokens, prompt, chat, adapter, precision, device };
        command.SetAction((parse, cancellation) =>
        {
            if (!parse.GetValue(greedy)) throw new PbenchException("generate: expected --greedy: there is no sampling");
            if (parse.GetValue(tokens) < 1) throw new PbenchException($"--tokens: expected at least 1, found {parse.GetValue(tokens)}");
            using var loaded = bench.Bases.Load(parse.GetRequiredValue(name), parse.GetValue(precision), parse.GetRequiredValue(device));
            foreach (var note in loaded.Info.Notes) bench.Error.WriteLine($"pbench: {note}");
            using var adapted = parse.GetValue(adapter) is { } folder ? AdaptedBase.Load((LoadedBase)loaded, folder) : null;
            foreach (var note in adapted?.Notes ?? []) bench.Error.WriteLine($"pbench: {note}");
            var (text, isChat) = (parse.GetRequiredValue(prompt), parse.GetValue(chat));
            var read = isChat ? ChatPrompt(loaded, text, bench.Clock) : TextEncoding.Prompt(loaded.Tokenizer, text);
            Generate(bench, adapted?.Model ?? loaded, adapted?.Slot ?? -1, read, shown: isChat ? [] : read, parse.GetValue(tokens), cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>What a user says as the base's template writes it, up to where the answer begins.</summary>
    private static int[] ChatPrompt(IBaseModel loaded, string said, TimeProvider clock)
    {
        var template = (loaded as LoadedBase)?.ChatTemplate()
            ?? throw new PbenchException($"--chat: {loaded.Info.Name} has no chat template; expected chat_template in tokenizer_config.json, or {ChatTemplate.FileName}, beside its tokenizer");
        return loaded.Tokenizer.Encode(template.Render([new ChatMessage("user", said)], addGenerationPrompt: true, clock));
    }

    /// <summary>Prints what follows what was read, after the part of it that is shown, as it is: a line feed is added for a terminal only.</summary>
    private static void Generate(Workbench bench, IBaseModel loaded, int slot, int[] read, int[] shown, int tokens, CancellationToken cancellation)
    {
        var tokenizer = loaded.Tokenizer;
        var request = new GenerationRequest(read, tokens, slot) { StopIds = [.. tokenizer.Ends(), .. loaded.Info.EndIds] };
        var generated = loaded.Generate([request], CostMeter.Unread(), cancellation)[0].Tokens;
        bench.Output.Write(tokenizer.Decode([.. shown, .. generated]));
        if (bench.IsTerminal) bench.Output.WriteLine();
        bench.Output.Flush();
    }
}
