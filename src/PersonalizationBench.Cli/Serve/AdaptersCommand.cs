using System.Globalization;
using PersonalizationBench.Core;
using PersonalizationBench.Models;
using PersonalizationBench.Models.Checkpoints;
using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Serve;

/// <summary><c>pbench adapters</c>: the registry from the command line.</summary>
internal static class AdaptersCommand
{
    private const string Actor = "pbench adapters";

    public static Command Create(Workbench bench) => new("adapters", "Personal models of a registry: their revisions, where they come from, what they were measured at")
    {
        List(bench), Show(bench), Diff(bench), Publish(bench), Rollback(bench), Verify(bench),
    };

    private static Command List(Workbench bench)
    {
        var owner = Owner();
        return RegistryOptions.On(bench, new Command("list", "An owner's policies and where their pointers stand") { owner }, (parse, registry) =>
        {
            var rows = new List<string[]>();
            foreach (var policy in RegistryCheck.AllPolicies(registry, parse.GetRequiredValue(owner)))
                rows.Add([policy.Id, Number(policy.Rank), string.Join(' ', policy.Modules), Pointers(registry, policy), policy.Created.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)]);
            Table(bench, ["policy", "rank", "modules", "pointers", "created"], rows);
            return 0;
        });
    }

    private static Command Show(Workbench bench)
    {
        var (owner, spec) = (Owner(), Spec());
        return RegistryOptions.On(bench, new Command("show", "A revision with all it descends from, and its evaluations") { owner, spec }, (parse, registry) =>
        {
            var revision = registry.Resolve(parse.GetRequiredValue(owner), parse.GetRequiredValue(spec));
            var provenance = registry.ProvenanceOf(parse.GetRequiredValue(owner), revision.Policy, revision.Number);
            bench.Output.WriteLine($"base {provenance.Base}");
            foreach (var step in provenance.Chain)
            {
                bench.Output.WriteLine(FormattableString.Invariant($"revision {step.Number}: {step.Digest}, {step.Bytes} bytes, {step.Created:yyyy-MM-dd HH:mm:ss}"));
                bench.Output.WriteLine($"  data {step.Data ?? "unknown"}; code {step.Code}; training {step.Training ?? "unknown"}");
                foreach (var evaluation in registry.Evaluations(parse.GetRequiredValue(owner), step.Policy, step.Number))
                    bench.Output.WriteLine(FormattableString.Invariant($"  {evaluation.Name} {evaluation.Value}{(evaluation.Details is { } details ? " " + details : "")}"));
            }
            bench.Output.WriteLine($"provenance {provenance.Digest()}");
            return 0;
        });
    }

    private static Command Diff(Workbench bench)
    {
        var (owner, first, second) = (Owner(), Spec("FIRST"), Spec("SECOND"));
        return RegistryOptions.On(bench, new Command("diff", "What changed between two revisions: settings, measurements, and how far each module's update moved") { owner, first, second }, (parse, registry) =>
        {
            var before = registry.Resolve(parse.GetRequiredValue(owner), parse.GetRequiredValue(first));
            var after = registry.Resolve(parse.GetRequiredValue(owner), parse.GetRequiredValue(second));
            Line("digest", before.Digest, after.Digest);
            Line("data", before.Data, after.Data);
            Line("training", before.Training, after.Training);
            Line("code", before.Code, after.Code);
            var (a, b) = (Measured(registry, parse.GetRequiredValue(owner), before), Measured(registry, parse.GetRequiredValue(owner), after));
            foreach (var name in a.Keys.Union(b.Keys).Order(StringComparer.Ordinal)) Line(name, Text(a, name), Text(b, name));
            var (x, y) = (AdapterBlob.Read(registry.Blobs.Read(before.Digest), parse.GetRequiredValue(first)), AdapterBlob.Read(registry.Blobs.Read(after.Digest), parse.GetRequiredValue(second)));
            Table(bench, ["module", "size before", "size after", "moved"], [.. AdapterDistance.Of(x, y).Select(d => new[] { d.Module, Shown(d.Before), Shown(d.After), Shown(d.Moved) })]);
            return 0;

            void Line(string what, string? from, string? to)
            {
                if (from != to) bench.Output.WriteLine($"{what}: {from ?? "none"} -> {to ?? "none"}");
            }
        });

        static Dictionary<string, double> Measured(IRegistry registry, string owner, Revision revision) =>
            registry.Evaluations(owner, revision.Policy, revision.Number).GroupBy(e => e.Name).ToDictionary(g => g.Key, g => g.Last().Value);
        static string? Text(Dictionary<string, double> values, string name) => values.TryGetValue(name, out var value) ? value.ToString("R", CultureInfo.InvariantCulture) : null;
        static string Shown(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
    }

    private static Command Publish(Workbench bench)
    {
        var (owner, policy, folder) = (Owner(), Policy(), new Argument<string>("FOLDER") { Description = "As PEFT saves an adapter: adapter_config.json and adapter_model.safetensors" });
        var name = new Option<string>("--base") { Description = "The base it belongs to, by name or path", Required = true };
        var pointer = new Option<string>("--pointer") { Description = "What then stands for it", DefaultValueFactory = _ => Pointer.Live };
        return RegistryOptions.On(bench, new Command("publish", "Upload an adapter as a policy's next revision, and move a pointer to it; a policy that is not there is created") { owner, policy, folder, name, pointer }, (parse, registry) =>
        {
            var (who, id) = (parse.GetRequiredValue(owner), parse.GetRequiredValue(policy));
            using var loaded = bench.Bases.Load(parse.GetRequiredValue(name), Precision.Auto, "cpu") as LoadedBase ?? throw new PbenchException("--base: cannot be served");
            var adapter = PeftAdapterFile.Load(parse.GetRequiredValue(folder));
            adapter.RequireBase(loaded.Info.Digest, parse.GetRequiredValue(folder));
            foreach (var note in adapter.Notes) bench.Error.WriteLine($"pbench: {note}");
            var publisher = new AdapterPublisher(registry, who, Actor);
            var revision = publisher.Add(id, adapter with { BaseDigest = loaded.Info.Digest }, loaded.Config, new NewRevision("", "unknown"));
            publisher.Point(id, parse.GetRequiredValue(pointer), revision.Number);
            bench.Output.WriteLine(FormattableString.Invariant($"{id}@{revision.Number} is {parse.GetRequiredValue(pointer)}"));
            return 0;
        });
    }

    private static Command Rollback(Workbench bench)
    {
        var (owner, policy) = (Owner(), Policy());
        var to = new Option<int?>("--to") { Description = "The revision; default: where the pointer stood before" };
        var pointer = new Option<string>("--pointer") { Description = "Which", DefaultValueFactory = _ => Pointer.Live };
        return RegistryOptions.On(bench, new Command("rollback", "Move a pointer back to an earlier revision") { owner, policy, to, pointer }, (parse, registry) =>
        {
            var (who, id, what) = (parse.GetRequiredValue(owner), parse.GetRequiredValue(policy), parse.GetRequiredValue(pointer));
            var now = registry.Resolve(who, $"{id}@{what}").Number;
            var target = parse.GetValue(to)
                ?? RegistryCheck.AllAudit(registry, who, id).LastOrDefault(e => e.Pointer == what && e.Revision == now)?.Before
                ?? throw new PbenchException($"{id}: '{what}' has stood at no other revision; expected --to");
            registry.Rollback(who, id, what, target, now, Actor);
            bench.Output.WriteLine(FormattableString.Invariant($"{id}: {what} {now} -> {target}"));
            return 0;
        });
    }

    private static Command Verify(Workbench bench)
    {
        var owner = Owner();
        return RegistryOptions.On(bench, new Command("verify", "Read every revision's bytes again, hash them, parse them, and replay the audit log against the pointers") { owner }, (parse, registry) =>
        {
            var (revisions, problems) = RegistryCheck.Of(registry, parse.GetRequiredValue(owner));
            foreach (var problem in problems) bench.Error.WriteLine($"pbench: {problem}");
            bench.Output.WriteLine(FormattableString.Invariant($"{revisions} revisions, {problems.Count} problems"));
            return problems.Count == 0 ? 0 : 1;
        });
    }

    private static string Pointers(IRegistry registry, Policy policy) => string.Join(' ', registry.Pointers(policy.Owner, policy.Id).Select(p => FormattableString.Invariant($"{p.Name}={p.Revision}")));

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static Argument<string> Owner() => new("OWNER") { Description = "Whose they are" };

    private static Argument<string> Policy() => new("POLICY") { Description = "Its id" };

    private static Argument<string> Spec(string name = "POLICY[@REVISION|@POINTER]") => new(name) { Description = "Such as anna, anna@7 or anna@canary" };

    private static void Table(Workbench bench, string[] head, IReadOnlyList<string[]> rows)
    {
        foreach (var row in rows.Prepend(head)) bench.Output.WriteLine(string.Join('\t', row));
    }
}
