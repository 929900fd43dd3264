using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Data.Catalog;

/// <summary>A dataset's own description: <c>datasets/NAME/dataset.yaml</c>.</summary>
public sealed record DatasetManifest : IValidatableObject
{
    /// <summary>The folder's name.</summary>
    public required string Name { get; init; }

    /// <summary>The loader that reads it; <c>none</c> for files that others read.</summary>
    public required string Loader { get; init; }

    public string Summary { get; init; } = "";

    /// <summary>Where a dataset without files comes from.</summary>
    public string? Origin { get; init; }

    public required string Licence { get; init; }

    /// <summary>Other datasets whose files this one needs too.</summary>
    public IReadOnlyList<string> Needs { get; init; } = [];

    public required IReadOnlyList<DatasetFile> Files { get; init; }

    /// <summary>Reads and checks <c>NAME/dataset.yaml</c>.</summary>
    /// <exception cref="PbenchException">No such dataset, or its description is wrong.</exception>
    public static DatasetManifest Load(string datasetsFolder, string name)
    {
        var path = PathOf(datasetsFolder, name);
        if (!File.Exists(path))
        {
            var known = Names(datasetsFolder);
            var nearest = NearestWord.Find(name, known);
            throw new PbenchException($"there is no dataset '{name}' in {datasetsFolder}; {(nearest is null ? $"expected one of {string.Join(", ", known)}" : $"did you mean '{nearest}'?")}");
        }
        var manifest = StrictYaml.ReadFile<DatasetManifest>(path);
        return manifest.Name == name ? manifest : throw new PbenchException($"{path}: name: expected '{name}', the folder's name, found '{manifest.Name}'");
    }

    /// <summary>The datasets that are described, in ordinal order.</summary>
    public static IReadOnlyList<string> Names(string datasetsFolder) => !Directory.Exists(datasetsFolder) ? [] :
        [.. Directory.EnumerateDirectories(datasetsFolder).Select(folder => Path.GetFileName(folder)!).Where(name => File.Exists(PathOf(datasetsFolder, name))).Order(StringComparer.Ordinal)];

    public IEnumerable<ValidationResult> Validate(ValidationContext context)
    {
        if (Files.Count == 0 && Origin is null) yield return new ValidationResult("expected at least one file, or the dataset's origin", [nameof(Files)]);
        foreach (var file in Files)
        {
            if (Path.IsPathRooted(file.Path) || file.Path.Split('/', '\\').Contains("..")) yield return new ValidationResult($"path '{file.Path}': expected a path inside the data folder", [nameof(Files)]);
            if (file.Sha256.Length != 64 || file.Sha256.Any(c => !char.IsAsciiHexDigitLower(c))) yield return new ValidationResult($"path '{file.Path}': sha256: expected 64 lower-case hex digits", [nameof(Files)]);
            if (file.Address is null && file.Origin is null) yield return new ValidationResult($"path '{file.Path}': expected an address, or the origin of a file that has none", [nameof(Files)]);
            if (file.Address is not null && !(Uri.TryCreate(file.Address, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps)) yield return new ValidationResult($"path '{file.Path}': address: expected an https address", [nameof(Files)]);
        }
    }

    private static string PathOf(string datasetsFolder, string name) => Path.Combine(datasetsFolder, name, "dataset.yaml");
}

/// <summary>One file of a dataset.</summary>
public sealed record DatasetFile
{
    /// <summary>Where it lies below the data folder, with <c>/</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Where it can be downloaded; null for a derived file, of which <see cref="Origin"/> says how it was made.</summary>
    public string? Address { get; init; }

    public string? Origin { get; init; }

    [Range(1L, 1L << 31)]
    public required long Bytes { get; init; }

    public required string Sha256 { get; init; }
}
