using PersonalizationBench.Serving;

namespace PersonalizationBench.Cli.Serve;

/// <summary>Where the registry and its blobs are: the same options on every command that uses them.</summary>
internal sealed class RegistryOptions
{
    public Option<string> Registry { get; } = new("--registry") { Description = "A file (SQLite), postgres://..., or Host=...", DefaultValueFactory = _ => Path.Combine("serving", "registry.db") };

    public Option<string> Blobs { get; } = new("--blobs") { Description = "Folder of the adapters' bytes", DefaultValueFactory = _ => Path.Combine("serving", "blobs") };

    public void AddTo(Command command)
    {
        command.Add(Registry);
        command.Add(Blobs);
    }

    public IRegistry Open(ParseResult parse, TimeProvider clock) =>
        RegistryDatabase.Open(parse.GetRequiredValue(Registry), BlobStores.Open(parse.GetRequiredValue(Blobs), clock), clock);

    /// <summary>A command that works on the registry and ends with the exit code that <paramref name="action"/> returns.</summary>
    public static Command On(Workbench bench, Command command, Func<ParseResult, IRegistry, int> action)
    {
        var options = new RegistryOptions();
        options.AddTo(command);
        command.SetAction((parse, _) =>
        {
            using var registry = options.Open(parse, bench.Clock);
            return Task.FromResult(action(parse, registry));
        });
        return command;
    }
}
