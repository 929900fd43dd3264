using System.ComponentModel.DataAnnotations;
using PersonalizationBench.Core;
using PersonalizationBench.Data.Yaml;
using PersonalizationBench.Runner.Tuning;

namespace PersonalizationBench.Runner.Studies;

/// <summary>A study as its file says it: bases x dataset x strategies (with their settings) x seeds, not yet resolved.</summary>
public sealed record StudySpec
{
    /// <summary>The name; the file's own, too.</summary>
    public required string Study { get; init; }

    /// <summary>What the study is to show or refute, in a sentence.</summary>
    public required string Hypothesis { get; init; }

    /// <summary><c>name</c> and the loader's settings; a list where a setting takes one value is an axis of the grid.</summary>
    public required YamlSection Dataset { get; init; }

    /// <summary>Names of the catalogue (<c>pbench list</c>), or paths relative to the study file.</summary>
    [MinLength(1, ErrorMessage = "expected at least one base")]
    public required IReadOnlyList<string> Bases { get; init; }

    /// <summary>Numeric type of the products; auto takes bfloat16 where the machine is fast at it.</summary>
    public Precision Precision { get; init; } = Precision.Auto;

    /// <summary>auto, cpu or cuda.</summary>
    [AllowedValues("auto", "cpu", "cuda", ErrorMessage = "expected auto, cpu or cuda")]
    public string Device { get; init; } = "auto";

    /// <summary>Trained strategies run once for each; the others once, with the first.</summary>
    [MinLength(1, ErrorMessage = "expected at least one seed")]
    public IReadOnlyList<long> Seeds { get; init; } = [1, 2, 3, 4, 5];

    /// <summary>Fewer than five seeds are then a warning.</summary>
    public bool AllowFewSeeds { get; init; }

    /// <summary>How the study goes without the controls that every study needs.</summary>
    public ControlsSpec Controls { get; init; } = new();

    /// <summary>How many questions of each arm are answered one at a time, for latency: at least 30 for a median, 0 for none. No part of a
    /// cell's key.</summary>
    [Range(0, 10_000)]
    public int LatencyProbes { get; init; } = 30;

    /// <summary>Whether each arm's memory is measured, in a process of its own. No part of a cell's key.</summary>
    public bool Memory { get; init; } = true;

    /// <summary>How settings are chosen; null: they are as the file gives them.</summary>
    public TuneSpec? Tune { get; init; }

    /// <summary>Each has <c>type</c>, perhaps <c>control</c> and <c>tuned</c> (the family whose settings it takes, beside those it gives itself), and
    /// that strategy's settings.</summary>
    [MinLength(1, ErrorMessage = "expected at least one strategy")]
    public required IReadOnlyList<YamlSection> Strategies { get; init; }

    /// <summary>What the study was made to find out: comparisons declared before anything is measured, three to five of them. They come first in
    /// the report, and their p-values are corrected for their own number only. No part of a cell's key.</summary>
    [MaxLength(ContrastSpec.Most, ErrorMessage = "expected at most five contrasts: each further one makes all of them harder to show; other comparisons are in the report anyway")]
    public IReadOnlyList<ContrastSpec> Contrasts { get; init; } = [];

    /// <summary>The registry that trained adapters go into; null: they are gone with their cell. No part of a cell's key.</summary>
    public PublishSpec? Publish { get; init; }
}

/// <summary>Two arms of the study on one kind of probe: is the first better than the second, worse, or as good?</summary>
public sealed record ContrastSpec
{
    public const int Most = 5;

    /// <summary>Two labels, such as <c>lora r=8</c> or <c>rag k=4 (wrong-user)</c>; the difference is the first minus the second.</summary>
    [MinLength(2, ErrorMessage = "expected two labels of arms")]
    [MaxLength(2, ErrorMessage = "expected two labels of arms")]
    public required IReadOnlyList<string> Arms { get; init; }

    /// <summary>Of the probes, such as recall.</summary>
    public required string Kind { get; init; }

    /// <summary>How they are judged, such as choice; null: as the probes ask for.</summary>
    public string? Metric { get; init; }

    /// <summary>A difference smaller than this, either way, is as good as none (a share, or bits per byte): whether that can be shown is tested too.</summary>
    [Range(1e-6, 1e6)]
    public double? Margin { get; init; }

    /// <summary>One of the study's bases; null where it has one only.</summary>
    public string? Base { get; init; }

    /// <summary>The label of one of the study's datasets; null where it has one only.</summary>
    public string? Dataset { get; init; }
}

/// <summary>Where a study's adapters are kept.</summary>
public sealed record PublishSpec
{
    /// <summary>A file (SQLite), relative to where one stands, or <c>postgres://...</c>.</summary>
    [MinLength(1, ErrorMessage = "expected a file or postgres://...")]
    public required string Registry { get; init; }

    /// <summary>Folder of the adapters' bytes, or <c>s3://bucket/prefix</c>.</summary>
    [MinLength(1, ErrorMessage = "expected a folder or s3://bucket/prefix")]
    public required string Blobs { get; init; }

    /// <summary>Whose policies they become; null: the study's name.</summary>
    public string? Owner { get; init; }

    /// <summary>What is moved to each new revision.</summary>
    public string Pointer { get; init; } = "live";

    /// <summary>Types of the study whose adapters are published; null: all that train adapters. Controls never are.</summary>
    [MinLength(1, ErrorMessage = "expected at least one strategy")]
    public IReadOnlyList<string>? Strategies { get; init; }
}

/// <summary>How a study goes without controls.</summary>
public sealed record ControlsSpec
{
    /// <summary>Why this study needs no controls; missing ones are then no error.</summary>
    [MinLength(1, ErrorMessage = "expected the reason")]
    public string? Waived { get; init; }
}

/// <summary>A study file, read.</summary>
/// <param name="Spec">What it says.</param>
/// <param name="Section">Where it says it.</param>
/// <param name="Digest">SHA-256 of the file's bytes.</param>
public sealed record StudyFile(StudySpec Spec, YamlSection Section, string Digest)
{
    public string Path => Section.File;

    /// <summary>What paths in the study are relative to.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path) ?? "";

    /// <exception cref="PbenchException">Unreadable, not strict YAML, or a name that is not the file's.</exception>
    public static StudyFile Read(string path)
    {
        var section = StrictYaml.ReadFile(path);
        var spec = StrictYaml.Bind<StudySpec>(section);
        var name = System.IO.Path.GetFileNameWithoutExtension(path);
        if (spec.Study != name)
            throw PbenchException.At(path, section.LineOf("study"), $"study: the study is called '{spec.Study}' and the file '{name}'; expected one name");
        return new StudyFile(spec, section, Core.Digest.OfFile(path));
    }
}
