using System.CommandLine;
using PersonalizationBench.Core;
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

    public IRegistry Open(ParseResult parse, TimeProvider clock)
    {
        var registry = parse.GetRequiredValue(Registry);
        // A file's folder is made; PostgreSQL is there already.
        if (!registry.Contains("://", StringComparison.Ordinal) && !registry.Contains('=', StringComparison.Ordinal) && Path.GetDirectoryName(Path.GetFullPath(registry)) is { } folder)
            Directory.CreateDirectory(folder);
        return RegistryDatabase.Open(registry, new FolderBlobs(parse.GetRequiredValue(Blobs), clock), clock);
    }
}
