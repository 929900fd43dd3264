using System.Globalization;
using PersonalizationBench.Core;

namespace PersonalizationBench.Models.Checkpoints;

/// <summary>Which modules an adapter means, where that is not said by their names alone: the tensors say which they are.</summary>
/// <param name="Pattern"><c>target_modules</c> as a regular expression for whole names, or <c>all-linear</c>; null: a list of names.</param>
internal sealed record PeftSelection(string? Pattern)
{
    private const string AllLinear = "all-linear";

    /// <summary><c>layers_to_transform</c>: the only layers in which a list of names is meant; null: all. A pattern's say is the pattern's.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary><c>layers_pattern</c>: what stands before a layer's number; empty: anything.</summary>
    public IReadOnlyList<string> LayersPatterns { get; init; } = [];

    /// <summary><c>exclude_modules</c> as a list: what is not meant, whatever else says it is.</summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];

    /// <summary><c>exclude_modules</c> as a regular expression for whole names.</summary>
    public string? ExcludedPattern { get; init; }

    /// <summary><c>ensure_weight_tying</c>: a tied head is adapted with its embedding.</summary>
    public bool TiesHead { get; init; }

    /// <summary>The names alone say it.</summary>
    private bool IsByNames => Pattern is null && Layers is null && Excluded.Count == 0 && ExcludedPattern is null;

    /// <summary>The same settings with the names of the modules; refuses one that was not meant.</summary>
    public PeftAdapterConfig Resolve(PeftAdapterConfig config, IReadOnlyList<LoraFactors> modules, string source)
    {
        foreach (var module in modules.Select(m => m.Module))
        {
            if (!IsMeant(config, module)) throw new PbenchException($"{source}: '{module}' is adapted but is none of target_modules ({Pattern ?? string.Join(", ", config.TargetModules)})");
            if (IsExcluded(module)) throw new PbenchException($"{source}: '{module}' is adapted but exclude_modules ({ExcludedPattern ?? string.Join(", ", Excluded)}) names it");
        }
        return IsByNames ? config : config with { TargetModules = [.. modules.Select(m => m.Module)] };
    }

    /// <summary>What the settings name and no tensor answers to, in a sentence each.</summary>
    public IEnumerable<string> Unmatched(PeftAdapterConfig config, PeftAdapter adapter, string source)
    {
        string[] names = [.. adapter.Modules.Select(m => m.Module)];
        foreach (var target in Pattern is null ? config.TargetModules : [])
            if (!names.Any(n => PeftPattern.IsEnd(target, n)) && !IsExcluded(target)) yield return $"{source}: target_modules: '{target}' is none of the modules that have tensors";
        foreach (var layer in Pattern is null ? Layers ?? [] : [])
            if (!names.Any(n => LayerOf(n) == layer)) yield return FormattableString.Invariant($"{source}: layers_to_transform: no tensor is of layer {layer}");
        foreach (var name in config.ModulesToSave)
            if (!adapter.Saved.Any(s => s.OfModule && PeftTensors.IsWithin(name, s.Values.Name))) yield return $"{source}: modules_to_save: '{name}' is the name of no tensor";
        if (config.TokenIndices.Count > 0 && adapter.Rows.Count == 0) yield return $"{source}: trainable_token_indices: no tensor has rows of tokens";
        foreach (var (key, patterns) in new (string, IEnumerable<string>)[] { ("rank_pattern", config.RankPattern.Keys), ("alpha_pattern", config.AlphaPattern.Keys) })
        {
            var used = names.Select(n => PeftPattern.First(patterns, n)).ToHashSet();
            foreach (var pattern in patterns.Where(p => !used.Contains(p)))
                yield return $"{source}: {key}: '{pattern}' " + (names.Any(n => PeftPattern.First([pattern], n) is not null) ? "comes after others that match the same modules" : "matches no adapted module");
        }
    }

    private bool IsMeant(PeftAdapterConfig config, string module) => (TiesHead && IsHead(module)) || Pattern switch
    {
        AllLinear => !IsHead(module), // of all products PEFT leaves the head out
        not null => PeftPattern.IsWhole(Pattern, module),
        // A module that is named whole is meant in whichever layer.
        null => config.TargetModules.Contains(module) || (config.Targets(module) && (Layers is null || (LayerOf(module) is { } layer && Layers.Contains(layer)))),
    };

    private static bool IsHead(string module) => module is "lm_head" or "embed_out";

    private bool IsExcluded(string module) => ExcludedPattern is null ? Excluded.Any(e => PeftPattern.IsEnd(e, module)) : PeftPattern.IsWhole(ExcludedPattern, module);

    private int? LayerOf(string module)
    {
        var parts = module.Split('.');
        // A number between what stands before it and what is inside the layer.
        var at = Array.FindIndex(parts, 1, p => p.Length > 0 && p.All(char.IsAsciiDigit));
        if (at < 1 || at == parts.Length - 1 || (LayersPatterns.Count > 0 && !LayersPatterns.Any(p => PeftPattern.IsWhole($@"(?:.*\.)?(?:{p})", string.Join('.', parts[..at]))))) return null;
        return int.TryParse(parts[at], NumberStyles.None, CultureInfo.InvariantCulture, out var layer) ? layer : null;
    }
}
