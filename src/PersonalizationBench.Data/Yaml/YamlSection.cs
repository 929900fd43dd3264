using PersonalizationBench.Core;

namespace PersonalizationBench.Data.Yaml;

public enum YamlKind
{
    /// <summary>Nothing, <c>~</c> or <c>null</c>.</summary>
    Empty,
    Scalar,
    List,
    Mapping,
}

/// <summary>
/// A part of a YAML file that knows where it stands, so that whoever judges it later (a binder, a validator, a grid)
/// can still name file, line and key.
/// </summary>
/// <param name="File">As the user gave it.</param>
/// <param name="Line">From 1.</param>
/// <param name="Path">Such as <c>strategies[2].rank</c>; empty for the whole file.</param>
/// <param name="Kind">Which of the contents below is filled.</param>
public sealed record YamlSection(string File, int Line, string Path, YamlKind Kind)
{
    /// <summary>A scalar's text.</summary>
    public string Text { get; init; } = "";

    /// <summary>A quoted scalar is a text, whatever it looks like.</summary>
    public bool IsQuoted { get; init; }

    public IReadOnlyList<YamlSection> Items { get; init; } = [];

    public IReadOnlyList<YamlEntry> Entries { get; init; } = [];

    /// <summary>The value under a key in either spelling; null where the key is absent.</summary>
    public YamlSection? Find(string key) => Entries.FirstOrDefault(e => e.Name == YamlEntry.NameOf(key))?.Value;

    /// <summary>The line of a key's own place, or this section's where the key was not given.</summary>
    public int LineOf(string key) => Entries.FirstOrDefault(e => e.Name == YamlEntry.NameOf(key))?.Line ?? Line;

    /// <summary>The mapping less some keys.</summary>
    public YamlSection Without(params ReadOnlySpan<string> keys)
    {
        var names = new HashSet<string>();
        foreach (var key in keys) names.Add(YamlEntry.NameOf(key));
        return this with { Entries = [.. Entries.Where(e => !names.Contains(e.Name))] };
    }

    /// <summary>The mapping with one key's value replaced.</summary>
    public YamlSection With(string key, YamlSection value) =>
        this with { Entries = [.. Entries.Select(e => e.Name == YamlEntry.NameOf(key) ? e with { Value = value } : e)] };

    /// <summary>This mapping's entries, and beneath them those of <paramref name="defaults"/> that it does not give; mappings within likewise.</summary>
    public YamlSection Over(YamlSection defaults)
    {
        if (Kind != YamlKind.Mapping || defaults.Kind != YamlKind.Mapping) return this;
        var own = Entries.Select(e => defaults.Find(e.Key) is { } beneath ? e with { Value = e.Value.Over(beneath) } : e);
        return this with { Entries = [.. own, .. defaults.Entries.Where(d => Find(d.Key) is null)] };
    }

    /// <summary>An error at this place: <c>file:line: path: message</c>.</summary>
    public PbenchException Error(string message) => PbenchException.At(File, Line, Path.Length == 0 ? message : $"{Path}: {message}");

    /// <summary>What stands here, for "expected ..., found ...".</summary>
    public string Describe() => Kind switch
    {
        YamlKind.Empty => "nothing",
        YamlKind.List => "a list",
        YamlKind.Mapping => "a mapping",
        _ => IsQuoted ? $"the text \"{Text}\"" : $"'{Text}'",
    };
}

/// <summary>A key and its value.</summary>
/// <param name="Key">As written.</param>
/// <param name="Line">The key's own line.</param>
public sealed record YamlEntry(string Key, int Line, YamlSection Value)
{
    /// <summary>The key in snake case: kebab-case and snake_case are one key.</summary>
    public string Name => NameOf(Key);

    public static string NameOf(string key) => key.Replace('-', '_');
}
