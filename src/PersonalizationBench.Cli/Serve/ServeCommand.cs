using Microsoft.Extensions.Hosting;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Tokenizers.ChatTemplates;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Serve;

/// <summary><c>pbench serve BASE</c>: personal adapters of many users on one base, over HTTP.</summary>
internal static class ServeCommand
{
    private const long MiB = 1 << 20;

    public static Command Create(Workbench bench)
    {
        var name = new Argument<string>("BASE") { Description = "A base by name or path" };
        var url = new Option<string>("--url") { Description = "Address and port; port 0: any that is free", DefaultValueFactory = _ => new ServerOptions().Url };
        var slots = new Option<int>("--slots") { Description = "Adapters that one batch can use", DefaultValueFactory = _ => 64 };
        var rank = new Option<int>("--slot-rank") { Description = "Largest rank, in all modules, that a slot has room for", DefaultValueFactory = _ => 16 };
        var memory = new Option<int>("--adapter-memory") { Description = "MiB of adapters kept in memory", DefaultValueFactory = _ => 1024 };
        var pages = new Option<int>("--kv-memory") { Description = "MiB of keys and values", DefaultValueFactory = _ => 512 };
        var sequences = new Option<int>("--sequences") { Description = "Sequences in one batch", DefaultValueFactory = _ => new EngineOptions().MaxSequences };
        var rate = new Option<int>("--requests-per-second") { Description = "Of one key", DefaultValueFactory = _ => new ServerOptions().RequestsPerSecond };
        var precision = new Option<Precision>("--precision") { Description = "auto, float32 or bfloat16", DefaultValueFactory = _ => Precision.Auto };
        foreach (var option in new[] { slots, rank, memory, pages, sequences, rate })
            option.Validators.Add(result => { if (result.GetValue(option) < 1) result.AddError($"{option.Name}: expected at least 1, found {result.GetValue(option)}"); });
        var registry = new RegistryOptions();
        var command = new Command("serve", "Serve users' adapters on one base over HTTP, as OpenAI's interface has it") { name, url, slots, rank, memory, pages, sequences, rate, precision };
        registry.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            using var opened = registry.Open(parse, bench.Clock);
            using var running = RunningServer.Start(
                bench.Bases, bench.Clock, parse.GetRequiredValue(name), parse.GetValue(precision), opened,
                new ServingMemory(parse.GetValue(slots), parse.GetValue(rank), parse.GetValue(memory) * MiB, parse.GetValue(pages) * MiB),
                new EngineOptions { MaxSequences = parse.GetValue(sequences) },
                new ServerOptions { Url = parse.GetRequiredValue(url), RequestsPerSecond = parse.GetValue(rate) });
            await running.Http.StartAsync(cancellation);
            foreach (var address in running.Addresses) bench.Output.WriteLine($"{running.Parts.Base.Name} at {address}");
            bench.Output.Flush();
            await running.Http.WaitForShutdownAsync(cancellation);
            return 0;
        });
        return command;
    }
}
