using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Serve;

/// <summary><c>pbench keys</c>: whose requests a server answers.</summary>
internal static class KeysCommand
{
    private const string Actor = "pbench keys";

    public static Command Create(Workbench bench) => new("keys", "Keys of a server's users") { Issue(bench), List(bench), Revoke(bench) };

    private static Command Issue(Workbench bench)
    {
        var owner = Owner();
        var kind = new Option<KeyKind>("--kind") { Description = "inference: to ask; admin: to upload and publish", DefaultValueFactory = _ => KeyKind.Inference };
        return RegistryOptions.On(bench, new Command("create", "Issue a key; its secret is printed once and kept nowhere") { owner, kind }, (parse, registry) =>
        {
            bench.Output.WriteLine(registry.CreateKey(parse.GetRequiredValue(owner), parse.GetValue(kind), Actor).Secret);
            return 0;
        });
    }

    private static Command List(Workbench bench)
    {
        var owner = Owner();
        return RegistryOptions.On(bench, new Command("list", "An owner's keys, without their secrets") { owner }, (parse, registry) =>
        {
            foreach (var key in registry.Keys(parse.GetRequiredValue(owner)))
                bench.Output.WriteLine(FormattableString.Invariant($"{key.Id}\t{key.Kind.ToString().ToLowerInvariant()}\tcreated {key.Created:yyyy-MM-dd HH:mm:ss}\t{(key.Revoked is { } at ? $"revoked {at:yyyy-MM-dd HH:mm:ss}" : "valid")}"));
            return 0;
        });
    }

    private static Command Revoke(Workbench bench)
    {
        var owner = Owner();
        var key = new Argument<long>("KEY") { Description = "Its number in the list" };
        return RegistryOptions.On(bench, new Command("revoke", "Refuse a key from the next request on") { owner, key }, (parse, registry) =>
        {
            registry.RevokeKey(parse.GetRequiredValue(owner), parse.GetValue(key), Actor);
            return 0;
        });
    }

    private static Argument<string> Owner() => new("OWNER") { Description = "Whose key it is" };
}
