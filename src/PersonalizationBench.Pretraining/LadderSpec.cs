using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;

namespace PersonalizationBench.Pretraining;

/// <summary>
/// One family of bases at many sizes, as its file in <c>experiments/pretrain/ladder</c> says it: what all rungs share, written as
/// for a single base, and the rungs, each with its own base and model and whatever else it has of its own.
/// </summary>
public sealed record LadderSpec(string Name, string Path, SweepSpec? Sweep, IReadOnlyList<PretrainSpec> Rungs)
{
    private const string NameKey = "ladder", SweepKey = "sweep", RungsKey = "rungs";

    /// <summary>Whether a file is of a ladder and not of a single base.</summary>
    public static bool IsLadder(YamlSection file) => file.Find(NameKey) is not null;

    /// <exception cref="PbenchException">Unreadable, not strict YAML, or a name that is not the file's.</exception>
    public static LadderSpec Read(string path)
    {
        var file = StrictYaml.ReadFile(path);
        if (!IsLadder(file)) throw PbenchException.At(path, 1, $"{NameKey}: missing; expected a file of {RungsKey}, such as experiments/pretrain/ladder/world.yaml");
        var head = StrictYaml.Bind<LadderHead>(file with { Entries = [.. file.Entries.Where(e => e.Name is NameKey or SweepKey or RungsKey)] });
        var name = System.IO.Path.GetFileNameWithoutExtension(path);
        if (head.Ladder != name) throw PbenchException.At(path, file.LineOf(NameKey), $"{NameKey}: the ladder is called '{head.Ladder}' and the file '{name}'; expected one name");
        var shared = file.Without(NameKey, SweepKey, RungsKey);
        var rungs = head.Rungs.Select(r => StrictYaml.Bind<PretrainSpec>(r.Over(shared))).ToList();
        if (rungs.GroupBy(r => r.Base).FirstOrDefault(g => g.Count() > 1) is { } twice) throw PbenchException.At(path, file.LineOf(RungsKey), $"{RungsKey}: two are called '{twice.Key}'");
        return new LadderSpec(head.Ladder, path, head.Sweep, rungs);
    }

    /// <summary>The rung of that base; or an error that names the ones there are.</summary>
    public PretrainSpec Rung(string name) =>
        Rungs.FirstOrDefault(r => r.Base == name) ?? throw new PbenchException($"{Path}: there is no rung '{name}'; expected one of {string.Join(", ", Rungs.Select(r => r.Base))}");
}

/// <summary>What a ladder's file has beside what its rungs share.</summary>
public sealed record LadderHead
{
    public required string Ladder { get; init; }

    public SweepSpec? Sweep { get; init; }

    /// <summary>Bound once what they share is known.</summary>
    [MinLength(1, ErrorMessage = "expected at least one rung")]
    public required IReadOnlyList<YamlSection> Rungs { get; init; }
}

/// <summary>How the rungs' learning rates are chosen: short runs from the start, and the lowest held-out loss.</summary>
public sealed record SweepSpec
{
    /// <summary>Factors on the learning rates as the stages have them.</summary>
    [MinLength(2, ErrorMessage = "expected at least two factors to choose from")]
    public required IReadOnlyList<double> Scales { get; init; }

    /// <summary>The factors are on each rung's own <c>learning_rate_scale</c> too, to look on both sides of rates that differ much.</summary>
    public bool Around { get; init; }

    /// <summary>Stages trained, from the first.</summary>
    [Range(1, 100)] public int Stages { get; init; } = 1;

    /// <summary>Most steps of each; its learning rate falls within them as it would within all.</summary>
    [Range(1, int.MaxValue)] public int? Steps { get; init; }

    /// <summary>Rungs swept; the others take the factor of the nearest in size. Default: all.</summary>
    public IReadOnlyList<string>? Rungs { get; init; }
}
