using System.Globalization;
using PersonalizationBench.Cli.Serve;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Adapt;
using PersonalizationBench.Runner.Results;
using PersonalizationBench.Serving;
using PersonalizationBench.Strategies.Lora;

namespace PersonalizationBench.Cli.Adapt;

/// <summary><c>pbench adapt</c>: new documents become a new revision, served from then on if it answers no worse.</summary>
internal static class AdaptCommand
{
    private const int Refused = 1;

    private static readonly LoraStrategyOptions s_defaults = new();

    public static Command Create(Workbench bench)
    {
        var owner = new Option<string?>("--owner") { Description = "Whose policy it is; with --server the key says" };
        var policy = new Option<string>("--policy") { Description = "Its id; one that is not there is created", Required = true };
        var name = new Option<string>("--base") { Description = "The base it belongs to, by name or path", Required = true };
        var pointer = new Option<string>("--pointer") { Description = "What training goes on from, and what is moved", DefaultValueFactory = _ => Pointer.Live };
        var source = new SourceOptions();
        var training = new TrainingOptions();
        var server = new ServerTarget();
        var registry = new RegistryOptions();
        var command = new Command("adapt", "Train a policy on with new documents; it is published if it answers no worse than before") { owner, policy, name, pointer };
        source.AddTo(command);
        training.AddTo(command);
        registry.AddTo(command);
        server.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var started = bench.Clock.GetTimestamp();
            var (id, at) = (PolicyId.Require(parse.GetRequiredValue(policy), "policy"), PolicyId.RequirePointer(parse.GetRequiredValue(pointer)));
            var ((method, options), documents) = (training.Of(parse, bench), source.Of(parse, id));
            using var opened = server.IsAsked(parse) ? null : registry.Open(parse, bench.Clock);
            using IRevisionStore store = opened is null ? server.Open(parse) : new RegistryRevisions(opened, parse.GetValue(owner) ?? throw new PbenchException("--owner: missing; expected whose policy it is"));
            var (read, outcome) = await new Adaptation(bench.Bases, method, store, bench.Clock, RunEnvironment.CodeVersion()).RunAsync(id, at, parse.GetRequiredValue(name), documents, options, cancellation);
            Print(bench, outcome);
            if (outcome.Fate != AdaptFate.Published)
            {
                bench.Error.WriteLine($"pbench: {Reason(outcome, at, options.Tolerance)}");
                return Refused;
            }
            bench.Output.WriteLine(FormattableString.Invariant($"{id}@{outcome.Revision} is {at}"));
            if (store is ServerRevisions served)
            {
                await served.AskAsync(id, at, outcome.Revision, read.Probes[0].Probe.Prompt, cancellation);
                bench.Output.WriteLine(FormattableString.Invariant($"first answer of {id}@{outcome.Revision}: {bench.Clock.GetElapsedTime(started).TotalSeconds:0.00} s after the start"));
            }
            return 0;
        });
        return command;
    }

    private static string Reason(AdaptOutcome outcome, string pointer, double tolerance) => outcome.Fate == AdaptFate.Worse
        ? FormattableString.Invariant($"{outcome.Policy}@{outcome.Revision} answers worse than {outcome.Policy}@{outcome.Parent}, by more than {tolerance}: it is recorded, and '{pointer}' stays")
        : FormattableString.Invariant($"'{pointer}' of {outcome.Policy} was moved by somebody else while {outcome.Policy}@{outcome.Revision} was trained: it is recorded, and theirs stays; adapt again from there");

    private static void Print(Workbench bench, AdaptOutcome outcome)
    {
        var from = outcome.Parent is { } parent ? FormattableString.Invariant($"{outcome.Policy}@{parent}") : "the base";
        bench.Output.WriteLine(FormattableString.Invariant($"{outcome.Policy}@{outcome.Revision}: {outcome.Documents} new documents and {outcome.Replayed} old ones, from {from}"));
        foreach (var (before, after) in outcome.Before.Groups.Zip(outcome.After.Groups))
            bench.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {after.Name} of {after.Probes} probes: {before.Value:0.000} -> {after.Value:0.000}{(after.IsHigherBetter ? "" : " (lower is better)")}"));
        var s = outcome.Seconds;
        bench.Output.WriteLine(FormattableString.Invariant($"  seconds: load {s.Load:0.00}, read {s.Read:0.00}, train {s.Train:0.00}, evaluate {s.Evaluate:0.00}, publish {s.Publish:0.00}, total {s.Total:0.00}"));
    }

    /// <summary>Where documents and probes come from.</summary>
    private sealed class SourceOptions
    {
        private readonly Option<string?> _documents = new("--documents") { Description = "New documents: a .txt (one document), a .jsonl ({\"text\": ...} a line), or a folder of them" };
        private readonly Option<string?> _before = new("--replay-from") { Description = "The documents before them, from which --replay draws" };
        private readonly Option<string?> _evaluate = new("--evaluate") { Description = "Probes: a .jsonl of {\"prompt\": ..., \"accepted\": [...]} or {\"text\": ...}, or a .txt; default: hold out the newest documents" };
        private readonly Option<double> _share = new("--hold-out") { Description = "Share of the documents that is held out where there is no --evaluate", DefaultValueFactory = _ => 0.1 };
        private readonly Option<int?> _user = new("--world-user") { Description = "Instead of --documents: a test user of the synthetic world, from 0, whose facts are asked" };
        private readonly Option<int> _total = new("--world-documents") { Description = "Documents of the world user's whole history", DefaultValueFactory = _ => 200 };
        private readonly Option<int> _from = new("--documents-from") { Description = "The world user's first new document, from 0" };
        private readonly Option<int?> _to = new("--documents-to") { Description = "One past the last; default: to the end" };

        public void AddTo(Command command)
        {
            foreach (var option in new Option[] { _documents, _before, _evaluate, _share, _user, _total, _from, _to }) command.Add(option);
        }

        public Func<AdaptSource> Of(ParseResult parse, string policy)
        {
            var (documents, user) = (parse.GetValue(_documents), parse.GetValue(_user));
            if (documents is null == user is null) throw new PbenchException("adapt: expected either --documents or --world-user");
            if (user is { } number) return () => AdaptSources.OfWorld(number, parse.GetValue(_total), parse.GetValue(_from), parse.GetValue(_to) ?? parse.GetValue(_total));
            return () => AdaptSources.OfFiles(policy, documents!, parse.GetValue(_before), parse.GetValue(_evaluate), parse.GetValue(_share));
        }
    }

    /// <summary>How it is trained and judged.</summary>
    private sealed class TrainingOptions
    {
        private readonly Option<int?> _rank = new("--rank") { Description = $"Rank of a first revision (default: {s_defaults.Rank}); a later one has its parent's" };
        private readonly Option<int?> _steps = new("--steps") { Description = "Steps; default: as many as --epochs asks for" };
        private readonly Option<double> _epochs = new("--epochs") { Description = "Times that each document is read", DefaultValueFactory = _ => s_defaults.Epochs };
        private readonly Option<int> _batch = new("--batch") { Description = "Documents in one step", DefaultValueFactory = _ => s_defaults.Batch };
        private readonly Option<double> _rate = new("--learning-rate") { Description = "Peak; warmed up and then lowered along a cosine", DefaultValueFactory = _ => s_defaults.LearningRate };
        private readonly Option<int> _replay = new("--replay") { Description = "Old documents that are read again beside the new ones" };
        private readonly Option<double> _tolerance = new("--tolerance") { Description = "How far accuracy may fall (or bits per byte rise) and the revision still be published" };
        private readonly Option<long> _seed = new("--seed") { Description = "Of the training", DefaultValueFactory = _ => 1 };

        public void AddTo(Command command)
        {
            foreach (var option in new Option[] { _rank, _steps, _epochs, _batch, _rate, _replay, _tolerance, _seed }) command.Add(option);
        }

        public (IAdapterMethod Method, AdaptOptions Options) Of(ParseResult parse, Workbench bench)
        {
            if (parse.GetValue(_replay) < 0) throw new PbenchException($"--replay: expected at least 0, found {parse.GetValue(_replay)}");
            if (!(parse.GetValue(_tolerance) >= 0)) throw new PbenchException(FormattableString.Invariant($"--tolerance: expected at least 0, found {parse.GetValue(_tolerance)}"));
            var training = s_defaults with { Steps = parse.GetValue(_steps), Epochs = parse.GetValue(_epochs), Batch = parse.GetValue(_batch), LearningRate = parse.GetValue(_rate) };
            return (new LoraMethod(bench.Strategies, parse.GetValue(_rank), training), new AdaptOptions(parse.GetValue(_replay), parse.GetValue(_tolerance), parse.GetValue(_seed)));
        }
    }

    /// <summary>A running server in place of a registry.</summary>
    private sealed class ServerTarget
    {
        private readonly Option<string?> _server = new("--server") { Description = "Address of a running 'pbench serve', in place of --registry and --blobs" };
        private readonly Option<string?> _key = new("--key") { Description = "The owner's admin key for --server" };
        private readonly Option<string?> _ask = new("--ask-key") { Description = "The owner's inference key, to ask the new revision once it is published" };

        public void AddTo(Command command)
        {
            foreach (var option in new Option[] { _server, _key, _ask }) command.Add(option);
        }

        public bool IsAsked(ParseResult parse) => parse.GetValue(_server) is not null;

        public ServerRevisions Open(ParseResult parse) => new(
            parse.GetValue(_server)!, parse.GetValue(_key) ?? throw new PbenchException("--key: missing; expected the owner's admin key"), parse.GetValue(_ask) ?? throw new PbenchException("--ask-key: missing; expected the owner's inference key"));
    }
}
